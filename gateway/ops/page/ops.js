// The ops page: shows what the ops API's stream of events says, once a second; changes go through a dialog with a reason.
// Counterpart: gateway/ops/api.py. Everything from outside is set as text, never as markup.

import { askForToken, authorised, call, refusal } from "./calls.js";
import { confirm, remember, tell, tellDone } from "./change.js";
import { at, facts, rows, say } from "./elements.js";
import { movesFlag, showGuard } from "./guard.js";

const PERIOD_MS = 1000;
const chosen = { flag: null, status: null, guard: null, before: null };

for (let bucket = 1; bucket <= 100; bucket += 1) at("buckets").append(document.createElement("i"));

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
  say("state", killed ? "KILLED: everybody goes to legacy" : inForce ? `${inForce} % of users go to v2` : "Everybody goes to legacy");
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
  at("guard-note").hidden = !movesFlag(chosen.guard, chosen.flag);
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
    approve: `guard: approve ${entry.to}`,
    hold: "guard: hold",
    resume: "guard: resume",
    applied: entry.generation == null ? "applied" : `applied generation ${entry.generation}`,
  })[entry.action] ?? entry.action;
  rows("journal", entries.reverse().map((entry) => [entry.when.slice(0, 19).replace("T", " "), entry.who, what(entry), entry.why]));
}

async function refresh() {
  const [status, metrics, journal, guard] = await Promise.all([
    call("GET", "/ops/status"), call("GET", "/metrics"), call("GET", "/ops/journal?limit=50"), call("GET", "/ops/guard"),
  ]);
  show({ status, metrics, journal, guard });
}

function show({ status, metrics, journal, guard }) {
  chosen.guard = guard;
  const error = showStatus(status);
  showTraffic(metrics);
  showJournal(journal);
  showGuard(guard);
  tell(error);
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
      if (state.error) tell(state.error);
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

// What an edit by hand means to a guard that moves this flag.
function stepsAside(percentage) {
  const moves = movesFlag(chosen.guard, chosen.flag) && percentage !== chosen.guard.progress.expected;
  return moves ? " The guard steps aside until somebody resumes it." : "";
}

async function askForPercentage(percentage) {
  const { flag, status } = chosen;
  const now = status.flags.find((item) => item.name === flag).percentage;
  const path = `/ops/flags/${encodeURIComponent(flag)}`;
  try {
    const preview = await call("GET", `${path}/preview?from=${now}&to=${percentage}`);
    const effect = preview.buckets.length ? `${preview.share} % of users move to ${preview.backend}.` : "Nobody moves.";
    confirm(`Set ${flag} to ${percentage} %`, effect + stepsAside(percentage), (reason) =>
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
  tellDone(`${flag}; ${jobs}${stranded}.`);
  if (!report.complete) remember(`Not all could be done: ${[...report.reasons, report.jobs_error].filter(Boolean).join("; ")}`);
  return report;
}

function askForRollback() {
  const { flag, status } = chosen;
  const running = status.jobs?.v2;
  const jobs = running == null ? "How many imports run on v2 is unknown." : `${running} imports run on v2.`;
  const path = `/ops/flags/${encodeURIComponent(flag)}/rollback`;
  confirm(`Roll back ${flag}`, `It goes to 0 %: new imports go to legacy at once. ${jobs}${stepsAside(0)}`, async (reason) => {
    const jobs = document.querySelector('[name="jobs"]:checked').value;
    const asked = { mode: jobs === "hard" ? "hard" : "drain", hand_back: jobs === "hand-back", ...reason };
    return tellOfJobs(await call("POST", path, asked));
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

document.addEventListener("changed", () => refresh().catch((error) => tell(error.message)));
follow();
