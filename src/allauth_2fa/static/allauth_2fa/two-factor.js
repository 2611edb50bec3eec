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

/** Offer the pad of digits until the visitor turns to recovery codes, which have letters. */
function switchKeyboard(box) {
    const field = document.querySelector("input[autocomplete='one-time-code']");
    const details = box.querySelector("details");
    if (!field || !details) {
        return;
    }
    const choose = () => {
        field.inputMode = details.open ? "text" : "numeric";
    };
    details.addEventListener("toggle", choose);
    choose();
}

/** Count down to the clock time that stands beside it. Without scripts, the place says how long it was. */
function countDown(place) {
    const end = performance.now() + 1000 * Number(place.dataset.seconds);
    const tick = () => {
        const left = Math.ceil((end - performance.now()) / 1000);
        place.textContent = left > 0 ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : place.dataset.done;
        if (left <= 0) {
            clearInterval(clock);
        }
    };
    const clock = setInterval(tick, 1000);
    tick();
}

const offers = {
    "another-way": switchKeyboard,
    continue: guardCodes,
    copy: offerCopy,
    countdown: countDown,
    once: (box) => sendOnce(box.querySelector("form")),
    print: offerPrint,
};

for (const box of document.querySelectorAll("[data-two-factor]")) {
    offers[box.dataset.twoFactor](box);
}
for (const field of document.querySelectorAll("input[autocomplete='one-time-code']")) {
    groupDigits(field);
    replaceRefused(field);
    sendOnce(field.form);
}
