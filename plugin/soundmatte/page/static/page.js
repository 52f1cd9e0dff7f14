// The page: shows what the engine says, and says what the person does. Nothing is decided here.

import { Player } from "/sound.js";

const $ = (id) => document.getElementById(id);
const PHASES = ["choosing", "running", "failed", "finished", "over"];
const TITLES = { mix: "Clip", target: "Target", residual: "Residual" };
const SAYS = { mix: "as it was", target: "the object", residual: "everything else" };
const TYPING = 350; // ms without a key after which a prompt counts
const SVG = "http://www.w3.org/2000/svg";

let state = {};
let phase = "";
let unsaid = false; // a choice that the engine has not been told of
let player = null;
let timer = 0;
let tab = name(); // this page, as it was loaded this time

// To and from the engine.

function name() {
  return Math.random().toString(36).slice(2);
}

async function say(act, words = {}) {
  const body = JSON.stringify(words);
  const headers = { "Content-Type": "application/json" };
  return fetch(`/${act}`, { method: "POST", headers, body, keepalive: true });
}

async function begin() {
  const word = location.hash.slice(1);
  history.replaceState(null, "", "/");
  if (word) await say("enter", { word });
  let failures = 0;
  while (phase !== "over") {
    try {
      const answer = await fetch(`/state?after=${state.number ?? ""}&tab=${tab}`);
      if (answer.status === 403) return end(await answer.text());
      state = await answer.json();
      failures = 0;
      show();
    } catch {
      failures += 1;
      if (failures > 3) return end("The engine has ended. You can close this page.");
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
  }
}

function end(words) {
  state = { ...state, phase: "over", farewell: words };
  show();
}

// What is seen.

function show() {
  if (state.clip) {
    text("clip", state.clip);
    text("range", state.range);
    document.title = `${state.clip} – Soundmatte`;
  }
  if (!state.phase) return;
  const before = phase;
  phase = state.phase;
  $("waiting").hidden = true;
  $("work").hidden = phase === "over";
  for (const name of PHASES) $(name).hidden = name !== phase;
  if (phase !== before && phase === "choosing") begin_choosing();
  showMatte();
  if (phase === "choosing") showPrice();
  if (phase === "running") showProgress();
  if (phase === "failed") showFailure();
  if (phase === "finished" && before !== "finished") showResult();
  if (phase === "over") {
    if (player?.playing) player.pause();
    text("over-title", state.farewell);
  }
  if (phase !== before && before !== "") $(`${phase}-title`).focus();
}

function text(id, words) {
  const place = $(id);
  if (place.textContent !== words) place.textContent = words ?? "";
}

function list(id, lines) {
  const said = JSON.stringify(lines ?? []);
  if ($(id).dataset.said === said) return;
  $(id).dataset.said = said;
  $(id).replaceChildren(...(lines ?? []).map((line) => make("li", {}, line)));
}

function make(name, attributes = {}, words = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = words;
  return made;
}

function tell(id, trouble) {
  $(id).hidden = !trouble;
  if (!trouble) return;
  for (const part of ["message", "hint"]) {
    const place = $(id).querySelector(`.${part}`);
    if (place.textContent !== trouble[part]) place.textContent = trouble[part];
  }
}

function showMatte() {
  const files = state.files ?? {};
  const seen = Boolean(files.still || files.movie);
  $("matte").hidden = !state.matte || !["choosing", seen ? "running" : ""].includes(phase);
  const drawing = state.drawing ?? {};
  for (const [id, role] of [["still", "still"], ["sheet", "sheet"], ["movie", "movie"]]) {
    const place = $(id);
    const address = files[role] ? `/file/${role}?v=${files[role]}` : "";
    if ((place.dataset.address ?? "") === address) continue;
    place.dataset.address = address;
    if (address) place.src = address;
    else place.removeAttribute("src");
    if (id === "movie" && address && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      place.play().catch(() => {}); // the person may start it
    }
  }
  const screen = $("screen");
  // As high as what was there, until the next picture comes.
  if (!seen && screen.offsetHeight) screen.style.minHeight = `${screen.offsetHeight}px`;
  else if (files.movie) screen.style.minHeight = "";
  $("movie").hidden = !files.movie;
  $("still").hidden = !files.still || Boolean(files.movie);
  // The movie says so itself.
  $("legend").classList.toggle("unseen", Boolean(files.movie));
  $("sheet-box").hidden = !files.sheet || phase !== "choosing";
  if (files.sheet) $("sheet-link").href = `/file/sheet?v=${files.sheet}`;
  $("invert-box").hidden = phase !== "choosing";
  const busy = drawing.share === undefined ? "" : `Drawing … ${Math.round(100 * drawing.share)} %`;
  text("drawing", drawing.problem ? "" : busy);
  text("covered", drawing.covered ?? "");
  const odd = drawing.problem ? [`${drawing.problem.message} ${drawing.problem.hint}`] : drawing.warnings;
  list("odd", odd);
}

function begin_choosing() {
  const choice = state.choice;
  const engines = state.engines ?? [];
  $("engine").replaceChildren(...engines.map((one) => make("option", { value: one.name }, one.title)));
  $("engine-field").hidden = engines.length < 2;
  $("prompt").value = choice.prompt;
  $("invert").checked = choice.invert;
  $("engine").value = choice.engine;
  $("style").value = choice.style;
  $("acceleration").value = choice.acceleration;
  $("candidates").value = String(choice.candidates);
  $("doubtful").checked = choice.accept_doubtful;
  unsaid = false;
  showOptions();
}

function showOptions() {
  const engine = (state.engines ?? []).find((one) => one.name === $("engine").value);
  for (const place of document.querySelectorAll("[data-option]")) {
    place.hidden = !engine?.options.includes(place.dataset.option);
  }
}

function chosen() {
  return {
    prompt: $("prompt").value,
    invert: $("invert").checked,
    engine: $("engine").value,
    style: $("style").value,
    acceleration: $("acceleration").value,
    candidates: Number($("candidates").value),
    accept_doubtful: $("doubtful").checked,
  };
}

function showPrice() {
  const now = chosen();
  // A price is shown beside nothing but the choice that it is of.
  const same = Object.entries(state.offer?.choice ?? {}).every(([key, value]) => now[key] === value);
  const offer = same ? state.offer : null;
  tell("problem", unsaid ? null : state.problem);
  $("separate").disabled = !offer;
  $("price").classList.toggle("stale", !offer);
  $("price").hidden = !offer && !unsaid && Boolean(state.problem);
  text("price", offer ? offer.price : "Working out the price …");
  if (offer || state.problem) list("before", offer?.notes);
}

function showProgress() {
  const { words, share } = state.progress ?? { words: "Beginning", share: 0 };
  if ($("running-title").textContent !== words) text("live", words);
  text("running-title", words);
  $("bar").value = share;
  text("percent", `${Math.round(100 * share)} %`);
  document.title = `${Math.round(100 * share)} % ${words} – Soundmatte`;
  list("log", state.log);
}

function showFailure() {
  const cancelled = state.error.kind === "PageCancelled";
  text("failed-title", cancelled ? "Cancelled" : "It did not work out");
  $("error").classList.toggle("bad", !cancelled);
  tell("error", state.error);
}

// What came of it.

function showResult() {
  const result = state.result;
  text("figures", result.figures);
  text("folder", result.folder);
  list("notes", result.notes);
  list("files", result.files);
  if (player || !result.sounds.length) return;
  $("sounds").append(...result.sounds.map(row));
  const files = state.files;
  const addresses = result.sounds.map(({ role }) => [role, `/file/${role}?v=${files[role]}`]);
  player = new Player(Object.fromEntries(addresses), stopped);
  player.open().then(() => {
    $("player").hidden = false;
    $("seek").max = player.length;
    showTime();
  }, () => {
    player = null;
  });
}

function row({ role, peaks, loudness }, number) {
  const label = make("label", { class: "sound" });
  const button = make("input", { type: "radio", name: "sound", value: role });
  button.checked = number === 0;
  button.addEventListener("change", () => player.choose(role));
  const words = make("span");
  const small = [SAYS[role], ...loudness].map((line) => make("small", {}, line));
  words.append(make("strong", {}, TITLES[role]), ...small);
  label.append(button, words, wave(peaks));
  return label;
}

/** Peaks over time: from -60 dB, nothing, to 0 dB, all of the height. */
function wave(peaks) {
  const heights = peaks.map((peak) => 20 * Math.max(0.02, Math.min(1, 1 + peak / 60)));
  const upper = heights.map((height, at) => `${at} ${(20 - height).toFixed(1)}`);
  const lower = heights.map((height, at) => `${at} ${(20 + height).toFixed(1)}`).reverse();
  const picture = drawn("svg", { viewBox: `0 0 ${peaks.length - 1} 40`, preserveAspectRatio: "none", "aria-hidden": "true" });
  picture.append(
    drawn("path", { class: "wave", d: `M${upper.join("L")}L${lower.join("L")}Z` }),
    drawn("line", { class: "head", x1: 0, x2: 0, y1: 0, y2: 40 }),
  );
  return picture;
}

function drawn(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function stopped(error) {
  showTime();
  if (error) text("live", "Playing has stopped: the sound could not be fetched.");
}

function showTime() {
  const at = player.position;
  $("seek").value = at;
  const words = `${Math.floor(at / 60)}:${(at % 60).toFixed(1).padStart(4, "0")}`;
  text("time", words);
  $("seek").setAttribute("aria-valuetext", words);
  for (const head of document.querySelectorAll(".head")) {
    const width = head.ownerSVGElement.viewBox.baseVal.width;
    head.setAttribute("x1", (width * at) / player.length);
    head.setAttribute("x2", (width * at) / player.length);
  }
  text("play", player.playing ? "Pause" : "Play");
  $("play").setAttribute("aria-pressed", String(player.playing));
  if (player.playing) requestAnimationFrame(showTime);
}

async function toggle() {
  if (player.playing) player.pause();
  else await player.play();
  showTime();
}

// What the person does.

function choose(wait) {
  if (phase !== "choosing") return;
  unsaid = true;
  showOptions();
  showPrice();
  clearTimeout(timer);
  timer = setTimeout(async () => {
    unsaid = false;
    await say("choose", { choice: chosen() });
  }, wait);
}

$("form").addEventListener("submit", (event) => event.preventDefault());
$("form").addEventListener("input", (event) => choose(event.target.id === "prompt" ? TYPING : 0));
$("invert").addEventListener("input", () => choose(0));
$("separate").addEventListener("click", () => {
  say("separate", { choice: chosen(), offer: state.offer.number });
});
for (const button of document.querySelectorAll("[data-act]")) {
  button.addEventListener("click", () => say(button.dataset.act));
}
$("play").addEventListener("click", toggle);
$("seek").addEventListener("input", () => {
  player.seek(Number($("seek").value));
  showTime();
});
document.addEventListener("keydown", (event) => {
  if (phase !== "finished" || !player || event.ctrlKey || event.metaKey || event.altKey) return;
  const radios = [...document.querySelectorAll("[name=sound]")];
  if (event.key === " " && !event.target.closest("button, summary, a")) {
    event.preventDefault();
    toggle();
  } else if (radios[Number(event.key) - 1]) {
    radios[Number(event.key) - 1].click();
  }
});
addEventListener("pagehide", () => {
  if (phase !== "over") say("left", { tab });
});
addEventListener("pageshow", (event) => {
  if (event.persisted) tab = name(); // brought back, after it has said that it was closed
});

begin();
