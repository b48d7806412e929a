// Discern: <persona-survey>. Attributes in, events out: see docs/embed.md. Comments and indentation are not served.
const HOST = new URL(import.meta.url).origin;
const NAME = "persona-survey";
// invitations that were sent away, for as long as this page is open
const DECLINED = new Set();
const SHEET = new CSSStyleSheet();
SHEET.replaceSync("widget.css");

const make = (tag, properties, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

// unique within a session is enough
const newId = () => `${Math.random()}`;

export class PersonaSurvey extends HTMLElement {
  #path; #token; #view; #words; #question; #most; #since; #begun; #busy; #acted; #failed; #sending; #said; #laid;
  #agreed = false;
  #queue = [];
  #slot = make("slot");
  #note = make("p", { part: "note" });
  #progress = make("p", { part: "progress" });
  #field = make("fieldset");
  #status = make("p", { id: "s", role: "status", part: "status" });
  #form; #box; #dialog; #float;

  connectedCallback() {
    addEventListener("online", this);
    addEventListener("pagehide", this);
    // moved by its page, not new
    if (this.#form) return this.#open();
    this.#build();
    if (this.#dialog) return;
    if (this.hasAttribute("lazy"))
      new IntersectionObserver(([{ isIntersecting }], watcher) => {
        if (isIntersecting) this.#start(watcher.disconnect());
      }).observe(this);
    else this.#start();
  }

  disconnectedCallback() {
    removeEventListener("online", this);
    removeEventListener("pagehide", this);
  }

  handleEvent({ type }) {
    if (type == "pagehide") {
      this.#draft();
      for (const one of this.#queue) this.#fetch(...one).catch(() => {});
    } else if (this.#failed) this.#start();
    else this.#pump();
  }

  async #start() {
    if (this.#busy || (this.#box.popover && DECLINED.has(this.getAttribute("survey")))) return;
    this.#busy = true;
    this.#failed = false;
    try {
      const view = (await this.#resume()) ?? (await this.#begin());
      // an invitation that was answered is not repeated
      if (view.question || (view.status && !this.#box.popover)) {
        this.#words = view.words;
        this.#slot.hidden = !this.#dialog;
        this.#box.hidden = false;
        this.#open();
        this.#path ? this.#take(view) : this.#ask(view);
      }
    } catch (problem) {
      this.#fail(problem);
    }
  }

  async #resume() {
    try {
      const [path, token] = this.#memory();
      // somebody who did not agree is not asked again
      if (!path) return this.#acted ? undefined : {};
      this.#token = token;
      const view = await this.#call(path + "?words");
      if (view.status == "expired") return;
      this.#path = path;
      return view;
    } catch {}
  }

  async #begin() {
    const hidden = {};
    for (const { name, value } of this.attributes) if (name.startsWith("hidden-")) hidden[name.slice(7)] = value;
    const link = this.getAttribute("link");
    const view = await this.#call(`surveys/${this.getAttribute("survey")}/sessions`, {
      page: location.origin + location.pathname,
      language: this.closest("[lang]")?.lang || navigator.language,
      identity: this.getAttribute("identity"),
      // an empty attribute means the address of the page
      link: link == "" ? location.hash.split("discern=")[1] : link,
      consent: this.#agreed,
      words: true,
      hidden,
    });
    const { session, token } = view;
    if (token) {
      this.#path = `sessions/${session}`;
      this.#token = token;
      this.#memory([this.#path, token]);
      this.#emit("surveystart", { session });
    }
    return view;
  }

  // without the attribute the storage is not even looked at; where the browser forbids it nothing is remembered
  #memory(value) {
    const key = HOST + this.getAttribute("survey");
    try {
      if (this.hasAttribute("remember")) return value ? (localStorage[key] = JSON.stringify(value)) : JSON.parse(localStorage[key]);
    } catch {}
  }

  // text/plain needs no preflight; keepalive lets an answer outlive the page
  #fetch(path, body) {
    return fetch(`${HOST}/api/v1/${path}`, {
      method: body ? "POST" : "GET",
      body: JSON.stringify(body),
      headers: body ? {} : { Authorization: `Bearer ${this.#token}` },
      keepalive: true,
      signal: AbortSignal.timeout(1e4),
    });
  }

  async #call(path, body) {
    for (const wait of [400, 800, 1600, 0]) {
      const reply = await this.#fetch(path, body).catch(() => ({}));
      const told = await reply.json?.().catch(() => {});
      if (reply.ok && told) return told;
      if (/^4(?!29)/.test(reply.status)) throw { status: reply.status, ...told };
      await new Promise((done) => setTimeout(done, wait));
    }
    throw { code: "unreachable" };
  }

  #send(act, body) {
    this.#queue.push([`${this.#path}/${act}`, { ...body, token: this.#token }]);
    this.#pump();
  }

  // one after the other, under the same id until the server has it
  async #pump() {
    if (this.#sending) return;
    this.#sending = true;
    let view, refused;
    try {
      while (this.#queue.length) {
        view = await this.#call(...this.#queue[0]).catch((problem) => {
          if (!problem.status) throw problem;
          this.#emit("surveyerror", (refused = problem));
        });
        this.#queue.shift();
      }
      if (refused) view = await this.#call(this.#path);
      if (view) this.#take(view, refused);
    } catch (problem) {
      if (problem.status) this.#fail(problem);
      else {
        this.#say("offline");
        setTimeout(() => this.#pump(), 5e3);
      }
    }
    this.#sending = false;
    if (view && this.#queue.length) this.#pump();
  }

  // the server's word goes, but a question somebody has begun to answer stays
  #take(view, refused) {
    const { question, progress } = (this.#view = view);
    const most = progress.answered + progress.at_most;
    this.#most = Math.min(this.#most ?? most, most);
    if (!question) return this.#end(view);
    if (question.id != this.#question?.id && (this.#busy || !this.#begun)) this.#show(question, progress.answered + 1, view);
    else {
      this.#busy = false;
      // what was said about the field stays, what was said about the line does not
      this.#say(refused ? "choose" : this.#said != "offline" && this.#said);
    }
  }

  #act(word) {
    this.#acted = true;
    if (word == "agree") return this.#start((this.#agreed = true));
    if (word == "no-thanks" || word == "close") return this.#leave();
    if (this.#busy) return this.#pump();
    const { question: asked, ahead, next_questions, claimed, progress } = this.#view;
    if (word == "change") return this.#show(claimed.question, progress.answered);
    if (word == "back") {
      this.#question = null;
      this.#busy = true;
      return this.#send("back", { answer_id: newId() });
    }
    const { id: question, type, n } = this.#question;
    const kind = /continue|right/.test(word) ? "answer" : word.replace("-", "_");
    const value = kind != "answer" ? undefined : word == "right" ? claimed.value : this.#value(this.#question);
    if (value === null || !this.#emit("surveyanswer", { question, kind, value }, true)) return;
    // only single and scale have one question ahead for each answer
    const next = asked.id == question && next_questions[ahead[kind != "answer" ? "skip" : type[0] == "s" && value]];
    this.#busy = !next;
    this.#answer(kind, value);
    if (next) this.#show(next, n + 1);
    this.#pump();
  }

  // what was answered counts; where nobody agreed, nothing is stored but, on the author's wish, that they did not
  #leave() {
    if (this.#box.popover) DECLINED.add(this.getAttribute("survey"));
    if (this.#view?.question) this.#send("finish", {});
    if (!this.#path) {
      this.#memory([]);
      this.#end({ status: "declined" });
    }
    this.#dialog?.close();
    if (this.#box.popover) this.#box.hidden = true;
  }

  // ticks of somebody who leaves without "Continue": what was on the screen is known, the rest is missing
  #draft() {
    const ticked = this.#given();
    if (this.#question?.type != "multiple" || this.#busy || !this.#begun || !ticked[0]) return;
    const seen = [...this.#field.elements].filter((one) => one.checked || one.getBoundingClientRect().top < innerHeight).map((one) => one.value);
    this.#answer("answer", { ticked, seen }, true);
  }

  #answer(kind, value, draft) {
    const seconds = (performance.now() - this.#since) / 1e3;
    this.#queue.push([`${this.#path}/answers`, { answer_id: newId(), question: this.#question.id, kind, value, seconds, draft, token: this.#token }]);
  }

  #given() {
    return new FormData(this.#form).getAll("v");
  }

  #value({ type, min, max }) {
    const given = this.#given();
    if (type == "multiple") return given;
    const text = given[0]?.trim();
    const number = Number(text?.replace(/\s/g, "").replace(",", "."));
    if (text && (type == "single" || type == "text")) return text;
    // 1,500 is one and a half here and fifteen hundred there
    const plain = !/\d[.,]\d{3}(?!\d)/.test(text);
    // false for what is not a number, too
    if (text && plain && number >= (min ?? number) && number <= (max ?? number)) return number;
    this.#say(!text ? (type[0] == "s" ? "choose" : type) : plain ? "outside" : "plain");
    const [input] = this.#field.elements;
    input.ariaInvalid = "true";
    input.focus();
    return null;
  }

  #build() {
    const mode = this.getAttribute("mode");
    this.#form = make("form", {
      oninput: () => (this.#begun = true),
      // the second half of a double click was meant for the question before
      onclick: (event) => {
        if (event.detail > 1) event.preventDefault();
      },
      onsubmit: (event) => {
        event.preventDefault();
        this.#act(event.submitter.value);
      },
    });
    this.#field.setAttribute("aria-describedby", "h s");
    this.#box = make("section", { part: "survey", hidden: true }, this.#form);
    if (mode == "corner") this.#float = this.#box.popover = "manual";
    if (mode == "modal") {
      this.#float = this.#dialog = make("dialog", { ariaLabel: this.textContent.trim() }, this.#box);
      this.#slot.onclick = (event) => {
        if (this.#failed) return;
        event.preventDefault();
        this.#acted = true;
        this.#dialog.showModal();
        if (!this.#path) this.#start();
      };
    }
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [SHEET];
    root.append(this.#slot, this.#dialog ?? this.#box);
  }

  // above everything on the page, and again after the page has moved the element; takes no focus
  #open() {
    if (this.#box.popover && !this.#box.hidden) this.#box.togglePopover?.(true);
  }

  // nothing is stored before somebody agrees
  #ask({ consent, language }) {
    this.#view = { language };
    this.#busy = false;
    this.#note.textContent = consent.text;
    this.#lay("agree,no-thanks", this.#word("consent"), this.#note);
  }

  // a click in an email is told, never chosen beforehand
  #show(question, number, { claimed, consent } = {}) {
    this.#question = { ...question, n: number, answer: claimed?.text };
    this.#begun = this.#busy = false;
    this.#since = performance.now();
    this.#note.textContent = this.#agreed ? "" : consent?.text;
    const chosen = claimed && this.#word("chosen");
    if (question.id == claimed?.question.id) return this.#lay("right,change", chosen);
    this.#say();
    if (claimed) this.#note.append(" ", chosen, " ", this.#button("change"));
    this.#lay(`continue,back,dont-know,skip${this.hasAttribute("refuse") ? ",refuse" : ""}${this.#float ? ",no-thanks" : ""}`,
      question.text, make("p", { id: "h", part: "help", textContent: question.help }), ...this.#controls(question));
    this.#form.querySelector("[value=back]").disabled = !question.can_go_back;
    this.#emit("surveyquestion", { question: question.id });
  }

  #button(value) {
    // "change" is not what Enter presses
    const own = value == "change" && { type: "button", onclick: () => this.#act(value) };
    return make("button", { value, part: "button " + value, textContent: this.#word(value), ...own });
  }

  // the same buttons stay the same nodes; the focus moves only after an act, and is taken from nobody else
  #lay(buttons, text, ...rest) {
    Object.assign(this.#box, { lang: this.#view.language, dir: this.#words.dir });
    const active = this.getRootNode().activeElement;
    if (this.#laid != buttons) {
      this.#laid = buttons;
      this.#form.replaceChildren(this.#note, this.#progress, this.#field, this.#status, ...buttons.split(",").map((value) => value && this.#button(value)));
    }
    const legend = make("legend", { tabIndex: -1, part: "question", textContent: text });
    this.#field.replaceChildren(legend, ...rest);
    if (this.#float) (this.#dialog ?? this.#box).ariaLabel = text;
    if (this.#acted && [null, this, document.body].includes(active)) legend.focus();
  }

  #controls({ text, type, options, min, max, labels = {}, unit = "", given }) {
    const before = [given?.ticked ?? given ?? []].flat().map(String);
    const choice = (type, value, ...text) => make("label", { part: "option" }, make("input", { type, name: "v", value, checked: before.includes(value) }), make("span", {}, ...text));
    if (options) return options.map(({ id, text }) => choice(type == "single" ? "radio" : "checkbox", id, text));
    if (type == "scale") {
      // in rows of five, or of six where five would leave one alone: 5 + 5, 6 + 5
      const points = make("div", { className: (max - min) % 5 ? "s5" : "s6" });
      for (; min <= max; min++) points.append(choice("radio", `${min}`, `${min} `, make("small", { textContent: labels[min] })));
      return [points];
    }
    const input = make(type == "text" ? "textarea" : "input", { className: "t", part: "input", name: "v", inputMode: type == "text" ? type : "decimal", maxLength: 4000, value: before.join(), ariaLabel: `${text} ${unit}` });
    return [input, unit];
  }

  #end({ result, status }) {
    this.#question = null;
    this.#note.textContent = "";
    this.#say();
    this.#lay(this.#float ? "close" : "", this.#words[status] ? this.#word(status) : result?.text || this.#word("thanks"),
      /^https?:/.test(result?.redirect) ? make("a", { href: result.redirect, textContent: this.#word("continue") }) : "");
    if (this.#acted) this.#emit("surveycomplete", { status, result });
  }

  #say(word) {
    this.#said = word;
    this.#progress.textContent = this.#question ? this.#word("progress") : "";
    this.#status.textContent = word ? this.#word(word) : "";
  }

  #word(key) {
    const text = this.getAttribute("label-" + key) ?? this.#words[key];
    const facts = { most: this.#most, ...this.#question };
    return text.replace(/{(\w+)}/g, (_, name) => facts[name] ?? "…");
  }

  #fail(problem) {
    this.#failed = true;
    this.#busy = false;
    this.#dialog?.close();
    this.#slot.hidden = false;
    this.#box.hidden = true;
    this.#emit("surveyerror", problem);
  }

  #emit(type, detail, cancelable) {
    return this.dispatchEvent(new CustomEvent(type, { detail, cancelable, bubbles: true, composed: true }));
  }
}

if (customElements.get(NAME)) console.error(`Discern: <${NAME}> is already defined.`);
else customElements.define(NAME, PersonaSurvey);
