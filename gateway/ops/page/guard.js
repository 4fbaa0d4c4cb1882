// The guard's card: where the rollout stands, what each rule says, orders to the guard, its reports.
// Counterparts: gateway/ops/guard_api.py, and docs/guard.md, which explains the words.
import { call } from "./calls.js";
import { confirm, tell, tellDone } from "./change.js";
import { at, facts, fill, make, rows, say } from "./elements.js";

const STANDING = ["ready", "watching", "held", "asking"];
const MEANING = { guardrail: "rolls back", signal: "holds" };
const SVG = "http://www.w3.org/2000/svg";
let guard = null;

// Whether a guard moves this flag now, so that an edit by hand makes it step aside.
export function movesFlag(found, flag) {
  return found !== null && found.flag === flag && [...STANDING, "ramping down"].includes(found.progress.phase);
}

export function showGuard(found) {
  guard = found;
  at("guard-none").hidden = found !== null;
  at("guard-body").hidden = found === null;
  at("guard").classList.toggle("old", Boolean(found?.old));
  if (found === null) {
    say("guard-heard", "");
    return;
  }
  const { progress, orders } = found;
  say("guard-heard", heard(found));
  at("guard-silent").hidden = !found.unwatched;
  say("guard-phase", `${progress.phase} at ${progress.expected} %`);
  at("guard-phase").dataset.phase = progress.phase;
  showSteps(found);
  facts("guard-facts", [
    ["why", progress.why || "–"],
    ...(progress.held_by || orders.held_by ? [["held by", progress.held_by || `${orders.held_by}; the guard has not heard it yet`]] : []),
    ...(orders.resume_waits ? [["ordered", "resume; the guard has not heard it yet"]] : []),
    ...(orders.approvable === null ? [] : [["to approve", orders.aim === "retire legacy" ? "the end of legacy" : `the step to ${orders.aim}`]]),
    ...(orders.error ? [["problem", orders.error]] : []),
    ...(found.legacy_retires_at === null ? [] : [["legacy retires", `${moment(found.legacy_retires_at)} UTC at the earliest`]]),
    ...(progress.attempt > 1 ? [["attempt", progress.attempt]] : []),
    ["last done", found.last ? `${lastDone(found.last)}, ${found.last.when.slice(0, 16).replace("T", " ")} UTC: ${found.last.why}` : "nothing that is in the journal"],
  ]);
  rows("rules", found.findings.map((one) => [one.rule, MEANING[one.severity], verdict(one.verdict), evidence(one), one.sentence]));
  at("rules-none").hidden = found.findings.length > 0;
  showOrders(found);
  rows("guard-events", [...found.events].reverse().map((event) => [moment(event.at), event.text]));
  showReports(found.reports);
}

function heard({ age, old }) {
  if (age === null) return "has not looked yet";
  return old ? `last heard ${ago(age)}` : `heard ${ago(age)}`;
}

function ago(age) {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) if (age >= size) return `${Math.floor(age / size)} ${unit} ago`;
  return `${Math.floor(age)} s ago`;
}

const moment = (at) => new Date(at * 1000).toISOString().slice(0, 16).replace("T", " ");

// Two times in the larger one's unit: "1.2 of 48 h".
function watched(passed, whole) {
  const [unit, size] = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]].find(([, size]) => whole >= 3 * size) ?? ["s", 1];
  const number = (seconds) => String(Math.round((seconds / size) * 10) / 10);
  return `${number(Math.min(passed, whole))} of ${number(whole)} ${unit}`;
}

function lastDone(entry) {
  return entry.action === "set" ? `${entry.from ?? "–"} → ${entry.to} %` : entry.action;
}

function showSteps({ steps, progress }) {
  fill(at("guard-steps"), steps.map((step, index) => {
    const now = index === progress.step;
    const name = make("strong", {}, `${step.percentage} %`);
    const span = watched(now ? progress.watched : 0, step.watch);
    const told = now ? `${span} watched` : index < progress.step ? "done" : `watched for ${span.slice("0 of ".length)}`;
    const item = make("li", { className: now ? "now" : index < progress.step ? "past" : "ahead" }, name, " ", make("span", {}, told));
    if (now) {
      item.setAttribute("aria-current", "step");
      const bar = make("progress", { max: step.watch, value: Math.min(progress.watched, step.watch) });
      bar.setAttribute("aria-label", `${step.percentage} % watched`);
      item.append(bar);
    }
    if (index > progress.step && step.approval) item.append(make("span", { className: "gate" }, "needs an approval"));
    return item;
  }));
}

function verdict(word) {
  return make("span", { className: `verdict ${word.replace(" ", "-")}` }, word);
}

// A bar from nothing known to the mark at 1, where the rule fires; what is beyond is cut off at 1.25.
function evidence({ rule, evidence: value }) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 125 16");
  picture.setAttribute("class", value >= 1 ? "evidence fired" : "evidence");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `evidence of ${rule}: ${value.toFixed(2)}; at 1 it fires`);
  const parts = [["rect", "track", 0, 5, 125, 6], ["rect", "bar", 0, 5, Math.min(Math.max(value, 0), 1.25) * 100, 6], ["rect", "mark", 99, 0, 2, 16]];
  for (const [name, kind, x, y, width, height] of parts) {
    const part = document.createElementNS(SVG, name);
    for (const [key, set] of Object.entries({ class: kind, x, y, width, height })) part.setAttribute(key, set);
    picture.append(part);
  }
  const number = make("span", { className: "number" }, value.toFixed(2));
  number.setAttribute("aria-hidden", "true");
  return make("span", { className: "measure" }, picture, number);
}

function showOrders({ progress, orders }) {
  at("guard-approve").hidden = orders.approvable === null;
  say("guard-approve", `Approve: ${orders.aim === "retire legacy" ? "retire legacy" : `go to ${orders.aim}`}`);
  at("guard-hold").hidden = Boolean(orders.held_by) || ![...STANDING, "ramping down"].includes(progress.phase);
  at("guard-resume").hidden = !orders.held_by && ["ready", "watching", "asking", "ramping down"].includes(progress.phase);
}

function showReports(names) {
  at("guard-reports").hidden = !names.length;
  fill(at("guard-reports-list"), names.map((name) => {
    const [, year, month, day, hour, minute, kind] = name.match(/^(....)(..)(..)T(..)(..)..-(.*)$/);
    const button = make("button", { type: "button", className: "link" }, `${year}-${month}-${day} ${hour}:${minute} ${kind.replace("-", " ")}`);
    button.dataset.report = name;
    return make("li", {}, button);
  }));
}

async function openReport(name) {
  try {
    const path = `/ops/guard/reports/${name}`;
    const files = [".json", "-evidence.svg", "-risk.svg"].map((ending) => call("GET", path + ending));
    const [report, ...pictures] = await Promise.all(files);
    say("report-title", report.headline);
    say("report-why", `${moment(report.at)} UTC. Why: ${report.why}. Verdict of the step: ${report.verdict}.`);
    at("report-rules").closest("table").hidden = !report.findings.length;
    rows("report-rules", report.findings.map((one) => [one.rule, verdict(one.verdict), evidence(one), one.sentence]));
    ["report-evidence", "report-risk"].forEach((id, index) => {
      at(id).src = `data:image/svg+xml,${encodeURIComponent(pictures[index])}`;
    });
    at("report").showModal();
  } catch (error) {
    tell(`The report cannot be read: ${error.message}`);
  }
}

async function order(name, body) {
  const report = await call("POST", `/ops/guard/${name}`, body);
  const when = report.age === null ? "no guard has acted on these flags" : `the guard was last heard ${ago(report.age)}`;
  tellDone(report.unheard ? `Ordered, but nobody listens now: ${when}. It is carried out when a guard runs.` : "Ordered; the guard carries it out within a second.");
  return report;
}

function whatResumeDoes() {
  const { phase, expected } = guard.progress;
  if (phase === "rolled back" || phase === "done") return "A new attempt begins, from what the flag says now.";
  if (phase === "aside") return "The guard goes on from what the flag says now: 0 % is before the first step, a step's percentage is that step, watched from its beginning.";
  return `The guard goes on at ${expected} %. A bad signal is forgiven; after a change of the plan the step is watched anew.`;
}

at("guard-approve").addEventListener("click", () => {
  const { approvable: step, aim } = guard.orders;
  const effect = aim === "retire legacy"
    ? "When the last step is over and all is well, legacy may be retired."
    : `The guard goes to ${aim} as soon as the step is over and all else is well, and not before.`;
  confirm(`Approve: ${aim}`, effect, (reason) => order("approve", { step, ...reason }));
});
at("guard-hold").addEventListener("click", () =>
  confirm("Hold the rollout", "The guard goes no further up until somebody resumes it. A bad guardrail still rolls back.", (reason) => order("hold", reason)));
at("guard-resume").addEventListener("click", () => confirm("Resume the rollout", whatResumeDoes(), (reason) => order("resume", reason)));
at("guard-reports-list").addEventListener("click", ({ target }) => target.dataset.report && openReport(target.dataset.report));
at("report-close").addEventListener("click", () => at("report").close());
