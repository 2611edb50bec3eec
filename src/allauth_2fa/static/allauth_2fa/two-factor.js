// Conveniences for pages that work without them: every page can be used with scripts off.

/** What a visitor would copy by hand: one line an element, a secret without its blanks. */
function textOf(selector) {
    const lines = [...document.querySelectorAll(selector)].map((place) => place.textContent.trim());
    return lines.length === 1 ? lines[0].replace(/\s/g, "") : lines.join("\n");
}

function offerCopy(box) {
    // Missing on pages that came over plain HTTP. The button then stays hidden.
    if (!navigator.clipboard) {
        return;
    }
    const status = document.querySelector(box.dataset.status);
    box.hidden = false;
    box.addEventListener("click", async () => {
        await navigator.clipboard.writeText(textOf(box.dataset.from));
        status.textContent = status.dataset.done;
    });
}

function offerPrint(box) {
    box.hidden = false;
    box.addEventListener("click", () => window.print());
}

/** Let the browser ask before codes are left that are shown once and are not yet saved, and go on where they are. */
function guardCodes(box) {
    const form = box.querySelector("form");
    const saved = form.querySelector("input[type='checkbox']");
    window.addEventListener("beforeunload", (event) => {
        if (!saved.checked) {
            event.preventDefault();
        }
    });
    form.addEventListener("submit", (event) => {
        // A GET form would drop the query of its address.
        event.preventDefault();
        window.location.assign(form.getAttribute("action"));
    });
}

/** Write "123456" as "123 456", and leave alone what is no row of digits. */
function grouped(text) {
    const bare = text.replace(/\s/g, "");
    return /^\d+$/.test(bare) ? bare.match(/\d{1,3}/g).join(" ") : bare;
}

/** Write the digits of the field in groups. The caret stays after the same digit. */
function regroup(field) {
    const typed = field.value;
    const text = grouped(typed);
    if (text === typed) {
        return;
    }
    const before = typed.slice(0, field.selectionStart).replace(/\s/g, "").length;
    field.value = text;
    let caret = 0;
    for (let seen = 0; seen < before; caret += 1) {
        seen += /\s/.test(text[caret]) ? 0 : 1;
    }
    field.setSelectionRange(caret, caret);
}

function groupDigits(field) {
    // Where people write from right to left, groups of digits would change places.
    field.dir = "ltr";
    // Somebody may have been faster than this script.
    regroup(field);
    field.addEventListener("input", (event) => {
        if (!event.isComposing) {
            regroup(field);
        }
    });
}

const SENT_CODE = /(?<![\w])(?:\d{6,8}|\d{3}[ -]\d{3})(?![\w])/g;

/**
 * Of a message that is pasted whole, "Your code is 361423" say, keep the code. The server does the same.
 * Beside a device whose codes may be words, everything stays.
 */
function keepCode(field) {
    if ("whole" in field.dataset) {
        return;
    }
    field.addEventListener("paste", (event) => {
        const text = event.clipboardData.getData("text");
        const found = text.match(SENT_CODE) || [];
        if (found.length === 1 && /\p{L}/u.test(text)) {
            event.preventDefault();
            field.value = found[0];
            field.dispatchEvent(new Event("input", { bubbles: true }));
        }
    });
}

/** On a phone the app is a tap away, and nobody can scan the screen that they hold: the link comes first, the QR code is folded. */
function foldQrCode(box) {
    if (!window.matchMedia("(pointer: coarse) and (hover: none)").matches) {
        return;
    }
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = box.dataset.fold;
    details.append(summary, box.querySelector(".two-factor-scan"));
    box.append(details);
}

/** Offer a passkey where the browser can make one. */
function offerPasskey(box) {
    box.hidden = !window.PublicKeyCredential;
}

/** A refused code stays to be looked at, and the next one takes its place. */
function replaceRefused(field) {
    if (field.autofocus && field.getAttribute("aria-invalid") === "true") {
        field.select();
    }
}

const ON_ITS_WAY = 10000;

/** A second click, while the first one is on its way, would send the same code again, which is used by then. */
function sendOnce(form) {
    let sent = -ON_ITS_WAY;
    form.addEventListener("submit", (event) => {
        if (event.timeStamp - sent < ON_ITS_WAY) {
            event.preventDefault();
        } else {
            sent = event.timeStamp;
        }
    });
}

/** Offer the pad of digits for codes of digits, and send a code as soon as it is complete. */
function takeAnswer(box) {
    const field = box.querySelector("input[autocomplete='one-time-code']");
    if (!field) {
        return;
    }
    field.inputMode = box.dataset.inputmode || "text";
    const digits = Number(box.dataset.digits);
    // After a refusal the visitor looks at what they type. A box that is not ticked yet comes after the code.
    const trust = field.form.querySelector("input[name='trust']:not(:checked)");
    if (!digits || trust || field.getAttribute("aria-invalid") === "true") {
        return;
    }
    announce(field, box.dataset.hint);
    field.addEventListener("input", () => {
        const bare = field.value.replace(/\s/g, "");
        if (bare.length === digits && /^\d+$/.test(bare)) {
            field.form.requestSubmit();
        }
    });
}

/** Say below the field, to everybody, what it does on its own. */
function announce(field, hint) {
    const said = document.createElement("small");
    said.id = "two-factor-hint";
    said.textContent = hint;
    field.after(said);
    field.setAttribute("aria-describedby", [field.getAttribute("aria-describedby"), said.id].filter(Boolean).join(" "));
}

/** Count down to the clock time that stands beside it. Without scripts, the place says how long it was. */
function countDown(place) {
    const end = performance.now() + 1000 * Number(place.dataset.seconds);
    const waiting = place.dataset.disables ? [...document.querySelectorAll(place.dataset.disables)] : [];
    const done = () => {
        clearInterval(clock);
        place.textContent = place.dataset.done;
        waiting.forEach((button) => (button.disabled = false));
        const status = place.dataset.status && document.querySelector(place.dataset.status);
        if (status) {
            status.textContent = status.dataset.done;
        }
    };
    const tick = () => {
        const left = Math.ceil((end - performance.now()) / 1000);
        if (left <= 0) {
            done();
        } else {
            place.textContent = clockOf(left);
        }
    };
    waiting.forEach((button) => (button.disabled = true));
    const clock = setInterval(tick, 1000);
    tick();
}

/** Write seconds as "3:07", or as "2:03:07" from an hour on. */
function clockOf(seconds) {
    const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
    const hours = Math.floor(seconds / 3600);
    return hours ? `${hours}:${parts.join(":")}` : parts.join(":").replace(/^0/, "");
}

/** Show a time of the site in the visitor's own time zone, with the name of that zone. */
function showLocally(place) {
    const moment = new Date(place.dateTime);
    const now = new Date();
    const isToday = moment.toDateString() === now.toDateString();
    const isNear = moment - now < 60000;
    const day = isToday ? {} : { year: "numeric", month: "long", day: "numeric" };
    const language = document.documentElement.lang || undefined;
    place.textContent = moment.toLocaleString(language, {
        ...day,
        hour: "numeric",
        minute: "2-digit",
        ...(isNear ? { second: "2-digit" } : {}),
        timeZoneName: "short",
    });
}

const offers = {
    answer: takeAnswer,
    continue: guardCodes,
    copy: offerCopy,
    countdown: countDown,
    once: (box) => sendOnce(box.querySelector("form")),
    passkey: offerPasskey,
    print: offerPrint,
    scan: foldQrCode,
    time: showLocally,
};

for (const box of document.querySelectorAll("[data-two-factor]")) {
    offers[box.dataset.twoFactor](box);
}
for (const field of document.querySelectorAll("input[autocomplete='one-time-code']")) {
    groupDigits(field);
    keepCode(field);
    replaceRefused(field);
    sendOnce(field.form);
}
