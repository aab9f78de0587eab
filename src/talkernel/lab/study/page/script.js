"use strict";

// The personal link carries its token behind the #, which browsers send to nobody.
const REMEMBERED = "talkernel-study " + location.pathname;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

const part = (id) => document.getElementById(id);
let study = null;
let token = "";
let task = null;
let saving = Promise.resolve(); // answers are sent one after another, in the order given
let unsaved = 0;

class Refused extends Error {
  constructor(message, status) { super(message); this.status = status; }
}

async function ask(path, body) {
  const options = { headers: { Authorization: "Bearer " + token } };
  if (body !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const reply = await fetch(path, options);
  const content = await reply.json();
  if (!reply.ok) throw new Refused(content.error, reply.status);
  return content;
}

// Until it is acknowledged: a lost connection or a restarted server loses nothing.
async function insist(path, body) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask(path, body);
    } catch (error) {
      if (error instanceof Refused && error.status < 500) throw error;
      tell("Not stored yet: no connection. Trying again …", true);
      const wait = RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)];
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

function tell(text, failing = false) {
  part("saved").textContent = text;
  part("saved").classList.toggle("failing", failing);
}

function complain(error) {
  part("trouble").textContent = error.message;
  part("trouble").hidden = false;
}

function show(id) {
  for (const name of ["welcome", "task", "done"]) part(name).hidden = name !== id;
  part("link").hidden = id !== "task";
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// ---- videos ----

const players = () => [...part("videos").querySelectorAll("video")];

function figureOf(video, number) {
  const letter = LETTERS[number];
  const state = element("span", { className: "state", textContent: "not watched yet" });
  const player = element("video", {
    src: "videos/" + video, controls: true, playsInline: true, preload: "auto",
    disablePictureInPicture: true,
  });
  player.setAttribute("controlslist", "nodownload");
  player.setAttribute("aria-label", "Video " + letter);
  const caption = element("figcaption", {},
    element("span", { className: "letter", textContent: letter }), state);
  const figure = element("figure", {}, player, caption);
  player.addEventListener("play", () => {
    for (const other of players()) if (other !== player) other.pause();
    figure.classList.add("playing");
  });
  player.addEventListener("pause", () => figure.classList.remove("playing"));
  player.addEventListener("ended", () => { mark(figure); openQuestions(); });
  player.addEventListener("error", () => {
    state.textContent = "cannot be played";
    complain(new Error("This browser cannot play a video. Please try another browser."));
  });
  return figure;
}

function mark(figure) {
  figure.classList.add("watched");
  figure.querySelector(".state").textContent = "watched ✓";
}

async function playAll() {
  for (const player of players()) {
    const over = new Promise((resolve) => {
      player.addEventListener("ended", () => resolve(true), { once: true });
      player.addEventListener("pause", () => resolve(player.ended), { once: true });
    });
    player.scrollIntoView({ block: "nearest", behavior: "smooth" });
    player.currentTime = 0;
    try { await player.play(); } catch { return; }
    const ended = await over; // paused by hand: the rater has taken over
    if (!ended) return;
  }
}

// ---- questions ----

function fieldsetOf(key, question) {
  const choices = element("div", { className: "choices" });
  task.videos.forEach((video, number) => {
    const input = element("input", { type: "radio", name: key, value: video });
    input.checked = task.answers[key] === video;
    input.setAttribute("aria-label", "Video " + LETTERS[number]);
    input.addEventListener("change", () => answer(key, video));
    choices.append(element("label", {}, input, element("span", { textContent: LETTERS[number] })));
  });
  return element("fieldset", { id: key },
    element("legend", { textContent: question.text }),
    element("p", { className: "hint", textContent: question.hint }), choices);
}

function openQuestions() {
  const all = document.querySelectorAll("figure").length;
  const open = document.querySelectorAll("figure.watched").length === all;
  for (const one of document.querySelectorAll("fieldset")) one.disabled = !open;
}

function answer(question, video) {
  const position = task.position;
  unsaved += 1;
  allowNext();
  saving = saving.then(async () => {
    await insist("api/answers", { position, question, video });
    task.answers[question] = video;
    unsaved -= 1;
    tell("Stored.");
    allowNext();
  }).catch(recover);
}

function allowNext() {
  const open = Object.keys(study.questions).filter((key) => !task.answers[key]).length;
  part("next").disabled = open > 0 || unsaved > 0;
}

// ---- from group to group ----

function present() {
  if (task.position >= task.total) {
    localStorage.removeItem(REMEMBERED);
    show("done");
    part("thanks").focus();
    return;
  }
  for (const player of players()) { player.removeAttribute("src"); player.load(); }
  part("heading").textContent = `Group ${task.position + 1} of ${task.total}`;
  part("progress").max = task.total;
  part("progress").value = task.position;
  part("next").textContent = task.position + 1 === task.total ? "Finish" : "Next";
  part("videos").replaceChildren(...task.videos.map(figureOf));
  part("questions").replaceChildren(
    ...Object.entries(study.questions).map(([key, one]) => fieldsetOf(key, one)));
  // Who has answered here before had watched them all.
  if (Object.keys(task.answers).length) document.querySelectorAll("figure").forEach(mark);
  openQuestions();
  tell("");
  allowNext();
  show("task");
  window.scrollTo(0, 0);
  part("heading").focus({ preventScroll: true });
}

async function next() {
  part("next").disabled = true; // a second press changes nothing here, nor at the server
  try {
    task = await insist("api/finished", { position: task.position });
    present();
  } catch (error) {
    await recover(error);
  }
}

// Refused, as when another tab has gone further: show what the study says is next.
async function recover(error) {
  complain(error);
  unsaved = 0;
  try {
    task = await ask("api/task");
    present();
  } catch (again) {
    complain(again);
  }
}

async function resume() {
  task = await ask("api/task");
  localStorage.setItem(REMEMBERED, token);
  const address = new URL(location.href);
  address.hash = token;
  history.replaceState(null, "", address);
  part("address").value = address.href;
  present();
}

async function begin() {
  part("begin").disabled = true;
  try {
    token = (await ask("api/raters", {})).token;
    await resume();
  } catch (error) {
    complain(error);
    part("begin").disabled = false;
  }
}

function welcome() {
  part("consent").replaceChildren(...study.consent.split(/\n{2,}/).map(
    (text) => element("p", { textContent: text })));
  part("total").textContent = study.total;
  show("welcome");
}

async function copy() {
  part("address").select();
  try {
    await navigator.clipboard.writeText(part("address").value);
    part("copy").textContent = "Copied";
  } catch {
    part("copy").textContent = "Press Ctrl-C";
  }
}

async function start() {
  part("begin").addEventListener("click", begin);
  part("next").addEventListener("click", next);
  part("play-all").addEventListener("click", playAll);
  part("copy").addEventListener("click", copy);
  part("questions").addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", () => location.reload());
  window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
  try {
    study = await ask("api/study");
    const linked = location.hash.slice(1);
    token = linked || localStorage.getItem(REMEMBERED) || "";
    if (!token) return welcome();
    await resume();
  } catch (error) {
    if (!location.hash && error.status === 401) { // of an earlier study at this address
      localStorage.removeItem(REMEMBERED);
      token = "";
      welcome();
      return;
    }
    complain(error);
  }
}

start();
