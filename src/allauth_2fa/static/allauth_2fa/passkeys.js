// Passkeys: asks the site what to ask the browser for, and posts what the browser hands over by the page's own form.

/** How often the login page replaces a question whose time is over: for an hour, with five minutes each. */
const RENEWALS = 15;

/** When that is, as a part of the question's time. */
const STALE = 0.8;

// Bytes, as WebAuthn writes them in JSON: base64url without padding.

function toBytes(text) {
    const bare = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(bare, (letter) => letter.charCodeAt(0));
}

function toText(buffer) {
    const bare = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(bare).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

const decoded = (descriptors = []) => descriptors.map((one) => ({ ...one, id: toBytes(one.id) }));

/** What the browser hands over, as JSON. */
function written(credential) {
    const { response } = credential;
    const parts = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
        if (response[name]) {
            parts[name] = toText(response[name]);
        }
    }
    if (response.getTransports) {
        parts.transports = response.getTransports();
    }
    return JSON.stringify({
        id: credential.id,
        rawId: toText(credential.rawId),
        type: credential.type,
        authenticatorAttachment: credential.authenticatorAttachment,
        clientExtensionResults: credential.getClientExtensionResults(),
        response: parts,
    });
}

// Words

/** A sentence for the visitor, thrown where something has gone wrong. */
class Said extends Error {}

function say(box, sentence) {
    const place = box.querySelector("[data-passkey-status]");
    place.firstElementChild.hidden = !sentence;
    place.querySelector("span").textContent = sentence;
}

/** The sentence for what the browser or the site has thrown. Browsers tell nobody whether it was cancelled or took too long. */
function sentenceFor(error, words, isLate) {
    if (error instanceof Said) {
        return error.message;
    }
    const known = {
        InvalidStateError: words.taken,
        ConstraintError: words.unfit,
        NotSupportedError: words.unfit,
        SecurityError: words.unsupported,
        NotAllowedError: isLate ? words.late : words.cancelled,
        AbortError: words.cancelled,
    };
    return known[error.name] ?? words.failed;
}

// The site

let turn = Promise.resolve();

/** Return the options that the site gives for the form's fields. It keeps the question that it was asked last, so one asks at a time. */
function optionsOf(form, signal) {
    const mine = () => fetchOptions(form, signal);
    turn = turn.then(mine, mine);
    return turn;
}

async function fetchOptions(form, signal) {
    const fields = new URLSearchParams(new FormData(form));
    fields.set("action", "passkey");
    fields.delete("credential");
    fields.delete("otp_token");
    const response = await fetch(form.action, { method: "POST", body: fields, headers: { Accept: "application/json" }, signal });
    const answer = response.redirected ? { reload: true } : await response.json();
    if (answer.reload) {
        // What the page was about is over: a login that took too long, or a proof that is too old. The page leads on.
        window.location.reload();
        await new Promise(() => {});
    }
    if (answer.error) {
        throw new Said(answer.error);
    }
    return answer;
}

/** Post the form as if the credential stood in that field. */
function submitWith(form, field, credential) {
    const fill = (event) => {
        event.formData.delete("device");
        event.formData.set(field, written(credential));
    };
    form.addEventListener("formdata", fill, { once: true });
    form.submit();
}

// The browser

let waiting = new AbortController();

/** Take back the question that waits in a field's autofill: browsers answer one at a time. */
function alone() {
    waiting.abort();
    waiting = new AbortController();
    return waiting.signal;
}

function get(options, more = {}) {
    const publicKey = { ...options, challenge: toBytes(options.challenge), allowCredentials: decoded(options.allowCredentials) };
    return navigator.credentials.get({ publicKey, signal: alone(), ...more });
}

function create(options) {
    const user = { ...options.user, id: toBytes(options.user.id) };
    const excludeCredentials = decoded(options.excludeCredentials);
    const publicKey = { ...options, user, excludeCredentials, challenge: toBytes(options.challenge) };
    return navigator.credentials.create({ publicKey, signal: alone() });
}

/** Ask the site and then the browser, and post what comes of it. Where that fails, say why, and return false. */
async function goThrough(box, form, ask, field) {
    say(box, "");
    box.setAttribute("aria-busy", "true");
    let late = Infinity;
    try {
        const options = await optionsOf(form);
        late = performance.now() + options.timeout;
        submitWith(form, field, await ask(options));
        return true;
    } catch (error) {
        say(box, sentenceFor(error, box.dataset, performance.now() >= late));
        return false;
    } finally {
        box.removeAttribute("aria-busy");
    }
}

/** Let a button or a form begin once at a time. */
function once(box, begin) {
    return (event) => {
        event.preventDefault();
        if (!box.hasAttribute("aria-busy")) {
            begin();
        }
    };
}

// The pages

function prove(box) {
    const offer = box.querySelector("[data-passkey-offer]");
    const button = offer.querySelector("button");
    const field = document.querySelector("input[name='otp_token']");
    if (!field) {
        return;
    }
    offer.hidden = false;
    button.addEventListener("click", once(box, () => goThrough(box, field.form, get, field.name)));
    if (document.activeElement === document.body) {
        button.focus();
    }
}

function add(box) {
    const form = box.querySelector("form");
    box.querySelector("[data-passkey-offer]").hidden = false;
    form.addEventListener("submit", once(box, () => goThrough(box, form, create, "credential")));
}

function login(box) {
    const form = box.querySelector("form");
    const field = document.querySelector("input[name='login']");
    box.querySelector("[data-passkey-offer]").hidden = false;
    const renew = offerIn(field, box, form);
    const begin = async () => (await goThrough(box, form, get, "credential")) || renew();
    form.addEventListener("submit", once(box, begin));
    renew();
    const { unknown, domain } = box.dataset;
    if (unknown) {
        // Password managers stop offering it.
        PublicKeyCredential.signalUnknownCredential?.({ rpId: domain, credentialId: unknown })?.catch(() => {});
    }
}

/** Return what lets the browser offer passkeys in the list that it opens at the field for the user name, where it can. */
function offerIn(field, box, form) {
    let timer;
    let left = RENEWALS;
    let asking = new AbortController();
    let isLeft = false;

    async function renew() {
        clearTimeout(timer);
        const can = await PublicKeyCredential.isConditionalMediationAvailable?.();
        if (!can || !field || document.hidden || isLeft || box.hasAttribute("aria-busy")) {
            return;
        }
        try {
            asking = new AbortController();
            const options = await optionsOf(form, asking.signal);
            if (!box.hasAttribute("aria-busy")) {
                timer = setTimeout(() => (left -= 1) > 0 && renew(), options.timeout * STALE);
                submitWith(form, "credential", await get(options, { mediation: "conditional" }));
            }
        } catch {
            // The button, or a newer question, has taken its place. Nobody has asked for this one.
        }
    }

    if (field) {
        field.autocomplete = "username webauthn";
    }
    // Another tab has put a question of its own meanwhile.
    document.addEventListener("visibilitychange", renew);
    window.addEventListener("pageshow", (event) => {
        if (event.persisted) {
            isLeft = false;
            renew();
        }
    });
    // Whoever types the password fast is not to have the session of that login replaced by an answer that comes late.
    const stop = (event) => {
        isLeft = event.target !== form;
        // The button's own question waits for this one: the site keeps the one that reaches it last.
        if (isLeft) {
            asking.abort();
        }
    };
    document.addEventListener("submit", stop, { capture: true });
    return renew;
}

/** Tell password managers which passkeys are left, so that they offer no other ones. */
function left(box) {
    PublicKeyCredential.signalAllAcceptedCredentials?.(JSON.parse(box.dataset.left))?.catch(() => {});
}

const pages = { add, left, login, prove };

for (const box of document.querySelectorAll("[data-passkey]")) {
    if (window.PublicKeyCredential) {
        pages[box.dataset.passkey](box);
    } else if (box.dataset.passkey !== "login" && box.dataset.unsupported) {
        say(box, box.dataset.unsupported);
    }
}
