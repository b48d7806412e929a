// Discern: <persona-survey>. Attributes in, events out: see docs/embed.md. Comments and indentation are not served.
const HOST = new URL(import.meta.url).origin;
const NAME = "persona-survey";
const WORDS = {
  en: {
    continue: "Continue",
    back: "Back",
    "dont-know": "I don't know",
    skip: "Skip",
    "no-thanks": "No thanks",
    close: "Close",
    progress: "Question {n} of at most {most}",
    choose: "Please answer, or skip the question.",
    outside: "Enter a number from {min} to {max}.",
    offline: "No connection. Your answers are kept, and sent later.",
    thanks: "Thank you. That is all.",
    expired: "This survey has expired. Your answers are kept.",
  },
  fr: {
    continue: "Continuer",
    back: "Retour",
    "dont-know": "Je ne sais pas",
    skip: "Passer",
    "no-thanks": "Non merci",
    close: "Fermer",
    progress: "Question {n} sur {most} au plus",
    choose: "Merci de répondre, ou de passer la question.",
    outside: "Indiquez un nombre de {min} à {max}.",
    offline: "Pas de connexion. Vos réponses sont gardées, et envoyées plus tard.",
    thanks: "Merci. C’est tout.",
    expired: "Ce questionnaire a expiré. Vos réponses sont gardées.",
  },
};

const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
:host{display:block!important}
section{all:initial;display:block;overflow-wrap:anywhere;color-scheme:light dark;--ink:var(--discern-ink,light-dark(#1b1f24,#e8eaed));--paper:var(--discern-paper,light-dark(#fff,#17191c));--quiet:var(--discern-quiet,light-dark(#57606a,#aab1b9));--accent:var(--discern-accent,light-dark(#0b57d0,#a8c7fa));color:var(--ink);background:var(--paper);font:medium/1.5 var(--discern-font,system-ui,sans-serif);padding:var(--discern-padding,1em);border-radius:var(--discern-radius,.5em)}
:host([theme=light]) section{color-scheme:light}
[hidden]{display:none}
*{box-sizing:border-box}
p,small{display:block;margin:.5em 0;color:var(--quiet)}
fieldset{border:0;margin:0;padding:0;min-width:0}
legend{font-size:1.35em;font-weight:650;line-height:1.25;padding:0}
label,.t,button{display:flex;gap:.75em;align-items:center;min-height:2.75em;padding:.5em 1em;margin:.5em 0;font:inherit;color:inherit;background:var(--paper);border:1px solid var(--quiet);border-radius:var(--discern-radius,.5em);position:relative}
label input{width:1.35em;height:1.35em;flex:none;margin:0;accent-color:var(--accent)}
:checked+span:after{content:"";position:absolute;inset:0;box-shadow:0 0 0 2px var(--accent);border-radius:var(--discern-radius,.5em)}
.s5,.s6{display:grid;grid-template-columns:repeat(5,minmax(0,1fr));gap:.5em}
.s6{grid-template-columns:repeat(6,minmax(0,1fr))}
div label{flex-direction:column;gap:0;margin:0;padding:.5em 0;text-align:center}
.t{width:100%}
button{display:inline-block;margin:.5em 0 0;margin-inline-end:.5em}
fieldset~button:first-of-type{background:var(--accent);color:var(--discern-on-accent,light-dark(#fff,#062e6f))}
:disabled{opacity:.5}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;box-shadow:0 0 0 2px var(--paper)}
legend{outline:0!important}
#s:not(:empty){color:light-dark(#b3261e,#f2b8b5);border-inline-start:.25em solid;padding-inline-start:.75em}
dialog{padding:0;width:32em}
:host([mode=corner]) section{position:fixed;inset:auto 1em 1em auto;max-width:24em;max-height:90vh;overflow:auto;border:1px solid;z-index:9999}
`);

const make = (tag, properties, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

export class PersonaSurvey extends HTMLElement {
  #path; #token; #view; #question; #number; #most; #since; #begun; #busy; #acted; #failed; #sending; #said;
  #queue = [];
  #slot = make("slot");
  #progress = make("p");
  #field = make("fieldset");
  #status = make("p", { id: "s", role: "status", part: "status" });
  #form; #box; #dialog; #back; #leave;

  connectedCallback() {
    for (const type of ["online", "pagehide"]) addEventListener(type, this);
    // moved by its page, not new
    if (this.#form) return;
    this.#build();
    if (this.hasAttribute("lazy"))
      new IntersectionObserver(([{ isIntersecting }], watcher) => {
        if (!isIntersecting) return;
        watcher.disconnect();
        this.#start();
      }).observe(this);
    else if (!this.#dialog) this.#start();
  }

  disconnectedCallback() {
    for (const type of ["online", "pagehide"]) removeEventListener(type, this);
  }

  handleEvent({ type }) {
    if (type == "pagehide") for (const one of this.#queue) this.#fetch(...one).catch(() => {});
    else if (this.#failed) this.#start();
    else this.#pump();
  }

  async #start() {
    this.#failed = false;
    try {
      const view = (await this.#resume()) ?? (await this.#begin());
      // an invitation that was answered is not repeated
      if (!view.question && this.#leave) return;
      this.#slot.hidden = !this.#dialog;
      this.#box.hidden = false;
      this.#take(view);
    } catch (problem) {
      this.#fail(problem);
    }
  }

  async #resume() {
    try {
      [this.#path, this.#token] = JSON.parse(localStorage[this.#key()]);
      const view = await this.#call(this.#path);
      if (view.status != "expired") return view;
    } catch {}
  }

  async #begin() {
    const hidden = {};
    for (const { name, value } of this.attributes) if (name.startsWith("hidden-")) hidden[name.slice(7)] = value;
    const view = await this.#call(`surveys/${this.getAttribute("survey")}/sessions`, {
      page: location.origin + location.pathname,
      language: this.#language(),
      identity: this.getAttribute("identity") ?? undefined,
      hidden,
    });
    const { session, token } = view;
    this.#path = `sessions/${session}`;
    this.#token = token;
    try {
      localStorage[this.#key()] = JSON.stringify([this.#path, token]);
    } catch {}
    this.#emit("surveystart", { session });
    return view;
  }

  // without the attribute the storage is not even looked at
  #key() {
    if (this.hasAttribute("remember")) return HOST + this.getAttribute("survey");
    throw 0;
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
        setTimeout(() => this.#pump(), 15e3);
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
    if (question.id != this.#question?.id && (this.#busy || !this.#begun)) return this.#show(question, progress.answered + 1);
    this.#busy = false;
    // what was said about the field stays, what was said about the line does not
    this.#say(refused ? "choose" : this.#said != "offline" && this.#said);
  }

  #act(word) {
    this.#acted = true;
    if (word == "no-thanks") {
      if (this.#view?.question) this.#send("finish", {});
      return this.#dialog ? this.#dialog.close() : (this.#box.hidden = true);
    }
    if (this.#busy) return this.#pump();
    const answer_id = crypto.getRandomValues(new Uint32Array(4)).join("-");
    if (word == "back") {
      this.#question = null;
      this.#busy = true;
      return this.#send("back", { answer_id });
    }
    const { id: question, type } = this.#question;
    const kind = word == "continue" ? "answer" : word.replace("-", "_");
    const value = kind == "answer" ? this.#value(this.#question) : undefined;
    if (value === null || !this.#emit("surveyanswer", { question, kind, value }, true)) return;
    const { question: asked, ahead, next_questions } = this.#view;
    // only single and scale have one question ahead for each answer
    const next = asked.id == question && next_questions[ahead[kind != "answer" ? "skip" : type[0] == "s" && value]];
    this.#busy = !next;
    this.#send("answers", { answer_id, question, kind, value, seconds: (performance.now() - this.#since) / 1e3 });
    if (next) this.#show(next, this.#number + 1);
  }

  #value({ type, min, max }) {
    const given = new FormData(this.#form).getAll("v");
    if (type == "multiple") return given;
    const text = given[0]?.trim();
    const number = Number(text?.replace(/\s/g, "").replace(",", "."));
    if (text && (type == "single" || type == "text")) return text;
    // false for what is not a number, too
    if (text && number >= (min ?? number) && number <= (max ?? number)) return number;
    this.#say(text ? "outside" : "choose");
    const [input] = this.#field.elements;
    input.ariaInvalid = "true";
    input.focus();
    return null;
  }

  #build() {
    const mode = this.getAttribute("mode");
    const button = (value) => make("button", { value, part: "button " + value, textContent: this.#word(value) });
    this.#back = button("back");
    this.#form = make("form", {
      noValidate: true,
      oninput: () => {
        this.#begun = true;
      },
      // the second half of a double click was meant for the question before
      onclick: (event) => {
        if (event.detail > 1) event.preventDefault();
      },
      onsubmit: (event) => {
        event.preventDefault();
        this.#act(event.submitter.value);
      },
    }, this.#progress, this.#field, this.#status, button("continue"), this.#back, button("dont-know"), button("skip"));
    this.#field.setAttribute("aria-describedby", "h s");
    this.#box = make("section", { part: "survey", hidden: true }, this.#form);
    if (mode && mode != "inline") this.#form.append((this.#leave = button("no-thanks")));
    if (mode == "modal") {
      this.#dialog = make("dialog", {}, this.#box);
      this.#slot.onclick = (event) => {
        if (this.#failed) return;
        event.preventDefault();
        this.#acted = true;
        this.#dialog.showModal();
        if (!this.#view) this.#start();
      };
    }
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [SHEET];
    root.append(this.#slot, this.#dialog ?? this.#box);
  }

  #show(question, number) {
    this.#question = question;
    this.#begun = this.#busy = false;
    this.#since = performance.now();
    this.#number = number;
    this.#back.disabled = !question.can_go_back;
    this.#say();
    this.#put(question.text, make("p", { id: "h", textContent: question.help }), ...this.#controls(question));
    this.#emit("surveyquestion", { question: question.id });
  }

  // the focus moves only after an act, and is taken from nobody else
  #put(text, ...rest) {
    const lang = this.#language();
    Object.assign(this.#box, { lang, dir: /^(ar|fa|he|ur)/.test(lang) ? "rtl" : "ltr" });
    const active = this.getRootNode().activeElement;
    const legend = make("legend", { tabIndex: -1, part: "question", textContent: text });
    this.#field.replaceChildren(legend, ...rest);
    if (this.#leave) (this.#dialog ?? this.#box).ariaLabel = text;
    if (this.#acted && (!active || active == this || active == document.body)) legend.focus();
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
    const input = make(type == "text" ? "textarea" : "input", { className: "t", part: "input", name: "v", maxLength: 4000, value: before.join(), ariaLabel: `${text} ${unit}` });
    if (type == "number") input.inputMode = "decimal";
    return [input, unit];
  }

  #end({ result, status }) {
    this.#question = null;
    this.#form.replaceChildren(this.#field, this.#leave ?? "");
    if (this.#leave) this.#leave.textContent = this.#word("close");
    this.#put(status == "expired" ? this.#word(status) : result?.text || this.#word("thanks"),
      /^https?:/.test(result?.redirect) ? make("a", { href: result.redirect, textContent: this.#word("continue") }) : "");
    if (this.#acted) this.#emit("surveycomplete", { status, result });
  }

  #say(word) {
    this.#said = word;
    this.#progress.textContent = this.#word("progress");
    this.#status.textContent = word ? this.#word(word) : "";
  }

  #word(key) {
    const text = this.getAttribute("label-" + key) ?? (WORDS[this.#language().slice(0, 2)] ?? WORDS.en)[key];
    const facts = { n: this.#number, most: this.#most, ...this.#question };
    return text.replace(/{(\w+)}/g, (_, name) => facts[name] ?? "…");
  }

  #language() {
    return this.#view?.language || this.closest("[lang]")?.lang || navigator.language;
  }

  #fail(problem) {
    this.#failed = true;
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
