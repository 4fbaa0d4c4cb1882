// One dialog for every change: what it does, why, who; and what became of it. Counterpart: the ops API's journal.
import { at, say } from "./elements.js";

let notice = null; // what became of the last action, if it went wrong; stays until the next one

export function remember(text) {
  notice = text;
}

export function tell(error) {
  const text = [notice, error].filter(Boolean).join(" — ");
  at("trouble").hidden = !text;
  say("trouble", text);
}

export function tellDone(text) {
  say("done", text);
  at("done").hidden = false;
}

// Asks for a reason, then does it; the effect is told before. The document hears "changed" when it is done.
export function confirm(title, effect, act, { choices = false } = {}) {
  const dialog = at("confirm");
  remember(null);
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
      if (report.journal_error) remember(`Done, but not in the journal: ${report.journal_error}`);
      document.dispatchEvent(new Event("changed"));
    } catch (error) {
      remember(`Not done: ${error.message}`);
      tell(null);
    }
  }, { once: true });
}
