// Calls of the ops API with the token, which is asked for once a tab. Counterpart: gateway/ops/access.py.
import { at } from "./elements.js";

export function authorised(headers) {
  const token = sessionStorage.getItem("token");
  return token ? { ...headers, authorization: `Bearer ${token}` } : headers;
}

export async function call(method, path, body) {
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

export async function refusal(answer) {
  const problem = await answer.json().catch(() => ({}));
  return new Error([problem.detail || `the ops API answered ${answer.status}`, ...(problem.problems || [])].join("; "));
}

let asking = null;

export function askForToken() {
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
