// The ops page: shows what the ops API's stream of events says, once a second; changes go through a dialog with a reason.
// Counterpart: gateway/ops/api.py. Everything from outside is set as text, never as markup.

const PERIOD_MS = 1000;
const at = (id) => document.getElementById(id);
const chosen = { flag: null, status: null, before: null };
let notice = null; // what became of the last action, if it went wrong; stays until the next one

for (let bucket = 1; bucket <= 100; bucket += 1) at("buckets").append(document.createElement("i"));

function authorised(headers) {
  const token = sessionStorage.getItem("token");
  return token ? { ...headers, authorization: `Bearer ${token}` } : headers;
}

async function call(method, path, body) {
  const headers = authorised({ accept: "application/json" });
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (answer.status === 401) {
    await askForToken();
    return call(method, path, body);
  }
  if (!answer.ok) throw await refusal(answer);
  return (answer.headers.get("content-type") || "").includes("json") ? answer.json() : answer.text();
}

async function refusal(answer) {
  const problem = await answer.json().catch(() => ({}));
  return new Error([problem.detail || `the ops API answered ${answer.status}`, ...(problem.problems || [])].join("; "));
}

let asking = null;

function askForToken() {
  asking ??= new Promise((resolve) => {
    at("login").showModal();
    at("login").addEventListener("close", () => {
      sessionStorage.setItem("token", at("token").value);
      at("token").value = "";
      asking = null;
      resolve();
    }, { once: true });
  });
  return asking;
}

function tell(error) {
  at("trouble").hidden = !error;
  at("trouble").textContent = error || "";
}

function rows(id, lines) {
  const body = at(id);
  const headings = [...body.closest("table").querySelectorAll("th")].map((heading) => heading.textContent);
  body.replaceChildren(...lines.map((line) => {
    const row = document.createElement("tr");
    row.setAttribute("role", "row");
    line.forEach((text, column) => {
      const cell = Object.assign(document.createElement("td"), { textContent: text });
      cell.setAttribute("role", "cell");
      cell.dataset.heading = headings[column];
      row.append(cell);
    });
    return row;
  }));
}

function facts(id, pairs) {
  at(id).replaceChildren(...pairs.flatMap(([name, value]) => [
    Object.assign(document.createElement("dt"), { textContent: name }),
    Object.assign(document.createElement("dd"), { textContent: value ?? "–" }),
  ]));
}

// Prometheus' text format, as far as a counter needs it: [{name, labels, value}].
function samples(text) {
  return [...text.matchAll(/^([a-z_]+)(?:\{(.*)\})? ([0-9.eE+-]+)$/gm)].map(([, name, labels, value]) => ({
    name,
    labels: Object.fromEntries([...(labels || "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text])),
    value: Number(value),
  }));
}

function showStatus(status) {
  chosen.status = status;
  const names = status.flags.map((flag) => flag.name);
  if (!names.includes(chosen.flag)) chosen.flag = names.includes("process-full-v2") ? "process-full-v2" : names[0] ?? null;
  const select = at("flag");
  if ([...select.options].map((option) => option.value).join("\n") !== names.join("\n")) {
    select.replaceChildren(...names.map((name) => new Option(name, name)));
  }
  select.value = chosen.flag ?? "";
  select.closest("label").hidden = names.length < 2;

  const flag = status.flags.find((item) => item.name === chosen.flag);
  const percentage = flag?.percentage ?? null;
  const killed = status.kill.engaged;
  const serving = flag && (flag.stage == null || ["ramp", "reverse-shadow", "complete"].includes(flag.stage));
  const inForce = killed || !flag?.enabled || !serving ? 0 : percentage ?? 0;
  at("percentage").textContent = percentage ?? "–";
  at("percentage").classList.toggle("idle", killed || !flag?.enabled || !serving);
  [...at("buckets").children].forEach((bucket, index) => bucket.classList.toggle("on", index < inForce));
  at("buckets").setAttribute("aria-label", `${inForce} of 100 buckets of users go to v2`);
  at("state").textContent = killed ? "KILLED: everybody goes to legacy" : inForce ? `${inForce} % of users go to v2` : "Everybody goes to legacy";
  at("state").classList.toggle("killed", killed);
  facts("facts", [
    ["flag", flag ? `${flag.name}${flag.enabled ? "" : " (disabled)"}` : "there is no flag"],
    ...(flag?.stage == null ? [] : [["stage", serving ? flag.stage : `${flag.stage}: v2 serves nobody`]]),
    ["source", status.source],
    ["generation", status.generation],
    ...(flag?.pins_suspended ? [["pins", "suspended: running jobs keep nobody on v2"]] : []),
    ...(killed ? [["killed by", `${status.kill.who || "unknown"}: ${status.kill.why || "no reason given"}`]] : []),
    ...status.warnings.map((warning) => ["warning", warning]),
  ]);
  for (const button of document.querySelectorAll("[data-percentage]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.percentage) === percentage));
    button.disabled = percentage === null;
  }
  at("rollback").disabled = !flag;
  showJobs(status.jobs, flag);
  at("kill").hidden = killed;
  at("revive").hidden = !killed;
  rows("workers", status.workers.map((worker) => [
    worker.worker ?? worker.pid ?? "?",
    worker.flags?.generation ?? "–",
    worker.flags?.age == null ? "–" : `${worker.flags.age.toFixed(1)} s`,
    worker.killed ? "engaged" : "no",
    worker.pins?.users ?? "–",
  ]));
  return status.error;
}

function showJobs(jobs, flag) {
  const count = (value) => value ?? "unknown";
  const kept = flag?.pins_suspended ? "nobody: suspended" : count(jobs?.pinned);
  rows("jobs", [["v2", count(jobs?.v2), kept], ["legacy", count(jobs?.legacy), "–"]]);
  const notes = [
    jobs?.error && `v2 does not say which imports run: ${jobs.error}.`,
    jobs?.legacy == null && "Nobody counts legacy's imports for this gateway.",
  ].filter(Boolean);
  at("jobs-note").hidden = !notes.length;
  at("jobs-note").textContent = notes.join(" ");
}

function showTraffic(text) {
  const now = performance.now();
  const found = samples(text);
  const totals = {};
  for (const { name, labels, value } of found) {
    if (name !== "gateway_requests_total") continue;
    const total = (totals[labels.backend] ??= { all: 0, errors: 0 });
    total.all += value;
    if (labels.status_class === "5xx") total.errors += value;
  }
  const seconds = chosen.before ? (now - chosen.before.now) / 1000 : 0;
  const rate = (backend, kind) => {
    const before = chosen.before?.totals[backend]?.[kind] ?? 0;
    return chosen.before ? (Math.max(0, totals[backend][kind] - before) / seconds).toFixed(1) : "–";
  };
  rows("traffic", Object.keys(totals).sort().map((backend) => [backend, rate(backend, "all"), rate(backend, "errors"), totals[backend].all]));
  chosen.before = { now, totals };
  rows("decisions", found
    .filter(({ name, labels }) => name === "gateway_decisions_total" && labels.flag === chosen.flag)
    .sort((a, b) => b.value - a.value)
    .map(({ labels, value }) => [labels.backend, labels.reason, value]));
}

function showJournal(entries) {
  const what = (entry) => ({
    set: `${entry.flag} ${entry.from ?? "–"} → ${entry.to} %`,
    stage: `${entry.flag} stage ${entry.from ?? "unset"} → ${entry.to}`,
    rollback: `${entry.flag} rollback: ${entry.to}`,
    applied: entry.generation == null ? "applied" : `applied generation ${entry.generation}`,
  })[entry.action] ?? entry.action;
  rows("journal", entries.reverse().map((entry) => [entry.when.slice(0, 19).replace("T", " "), entry.who, what(entry), entry.why]));
}

async function refresh() {
  const [status, metrics, journal] = await Promise.all([
    call("GET", "/ops/status"), call("GET", "/metrics"), call("GET", "/ops/journal?limit=50"),
  ]);
  show({ status, metrics, journal });
}

function show({ status, metrics, journal }) {
  const error = showStatus(status);
  showTraffic(metrics);
  showJournal(journal);
  tell([notice, error].filter(Boolean).join(" — "));
}

// One stream of events; fetch and not EventSource, which cannot send a token. Returns when it ends or nobody looks.
async function listen() {
  const answer = await fetch("/ops/events", { headers: authorised({ accept: "text/event-stream" }) });
  if (answer.status === 401) return askForToken();
  if (!answer.ok) throw await refusal(answer);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return undefined;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const state = JSON.parse(event.slice("data: ".length));
      if (state.error) tell([notice, state.error].filter(Boolean).join(" — "));
      else show(state);
    }
    if (document.hidden) return reader.cancel();
  }
}

async function follow() {
  for (;;) {
    if (!document.hidden) await listen().catch((error) => tell(`The gateway's ops API does not answer: ${error.message}`));
    await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
  }
}

// Asks for a reason, then does it; the effect is told before.
function confirm(title, effect, act, { choices = false } = {}) {
  const dialog = at("confirm");
  notice = null;
  at("done").hidden = true;
  at("choices").hidden = at("choices").disabled = !choices;
  dialog.querySelector('[value="drain"]').checked = true;
  at("confirm-title").textContent = title;
  at("confirm-effect").textContent = effect;
  at("why").value = "";
  at("who").value = sessionStorage.getItem("who") ?? "";
  dialog.returnValue = "cancel";
  dialog.showModal();
  (choices ? dialog.querySelector('[value="drain"]') : at("why")).focus();
  dialog.addEventListener("close", async () => {
    if (dialog.returnValue !== "do") return;
    sessionStorage.setItem("who", at("who").value);
    try {
      const report = await act({ why: at("why").value, who: at("who").value });
      if (report.mode) tellOfJobs(report);
      if (report.journal_error) notice = `Done, but not in the journal: ${report.journal_error}`;
      await refresh();
    } catch (error) {
      notice = `Not done: ${error.message}`;
      tell(notice);
    }
  }, { once: true });
}

async function askForPercentage(percentage) {
  const { flag, status } = chosen;
  const now = status.flags.find((item) => item.name === flag).percentage;
  const path = `/ops/flags/${encodeURIComponent(flag)}`;
  try {
    const preview = await call("GET", `${path}/preview?from=${now}&to=${percentage}`);
    const effect = preview.buckets.length ? `${preview.share} % of users move to ${preview.backend}.` : "Nobody moves.";
    confirm(`Set ${flag} to ${percentage} %`, effect, (reason) =>
      call("PUT", `${path}/percentage`, { percentage, expected_generation: status.generation, ...reason }));
  } catch (error) {
    tell(error.message);
  }
}

function tellOfJobs(report) {
  const counts = {
    "run to their end": report.draining, "were cancelled": report.cancelled, "go back to legacy": report.handed_back,
    "were over": report.over, "could not be ended": report.failed,
  };
  const told = Object.entries(counts).filter(([, count]) => count).map(([what, count]) => `${count} ${what}`);
  const jobs = report.running == null ? "imports on v2: unknown" : `imports on v2: ${told.join(", ") || "none ran"}`;
  const stranded = report.stranded ? `; ${report.stranded} users are stranded` : "";
  const flag = report.action === "kill" ? "Everybody goes to legacy by the kill" : "The flag is at 0 %";
  at("done").textContent = `${flag}; ${jobs}${stranded}.`;
  at("done").hidden = false;
  if (!report.complete) notice = `Not all could be done: ${[...report.reasons, report.jobs_error].filter(Boolean).join("; ")}`;
}

function askForRollback() {
  const { flag, status } = chosen;
  const running = status.jobs?.v2;
  const jobs = running == null ? "How many imports run on v2 is unknown." : `${running} imports run on v2.`;
  const path = `/ops/flags/${encodeURIComponent(flag)}/rollback`;
  confirm(`Roll back ${flag}`, `It goes to 0 %: new imports go to legacy at once. ${jobs}`, (reason) => {
    const jobs = document.querySelector('[name="jobs"]:checked').value;
    return call("POST", path, { mode: jobs === "hard" ? "hard" : "drain", hand_back: jobs === "hand-back", ...reason });
  }, { choices: true });
}

at("rollback").addEventListener("click", askForRollback);
for (const button of document.querySelectorAll("[data-percentage]")) {
  button.addEventListener("click", () => askForPercentage(Number(button.dataset.percentage)));
}
at("other").addEventListener("submit", (event) => {
  event.preventDefault();
  askForPercentage(Number(at("other-percentage").value));
});
at("kill").addEventListener("click", () =>
  confirm("Send everybody to legacy", "At once, whatever the flag says, until somebody revives.", (reason) => call("POST", "/ops/kill", reason)));
at("revive").addEventListener("click", () =>
  confirm("Let the flag decide again", `Users go where ${chosen.flag} sends them.`, (reason) => call("POST", "/ops/revive", reason)));
at("confirm-cancel").addEventListener("click", () => at("confirm").close("cancel"));
at("flag").addEventListener("change", (event) => {
  chosen.flag = event.target.value;
  showStatus(chosen.status);
});
at("explain").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const found = await call("POST", "/ops/explain", { user_id: at("user").value, flag: chosen.flag ?? "" });
    facts("explanation", [
      ["goes to", found.backend], ["because", found.reason], ...(found.pinned ? [["pinned", "an import of theirs runs on v2"]] : []), ["bucket", found.bucket && `${found.bucket} of 100`],
      ["percentage", found.percentage], ["hash", found.hash], ["generation", found.generation],
    ]);
  } catch (error) {
    facts("explanation", [["trouble", error.message]]);
  }
});

follow();
