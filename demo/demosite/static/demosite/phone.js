// Demo only: keeps the codes on the page up to date, as an authenticator app does.

const shown = [...document.querySelectorAll("[data-live-code]")];

async function refresh() {
    const response = await fetch("/phone/", { headers: { Accept: "application/json" } });
    if (!response.ok) {
        return;
    }
    const { codes, seconds_left: secondsLeft } = await response.json();
    for (const place of shown) {
        const code = codes[place.dataset.liveCode];
        if (code) {
            place.textContent = code.match(/.{1,3}/g).join(" ");
        }
    }
    setTimeout(refresh, Math.max(secondsLeft, 0) * 1000 + 250);
}

if (shown.length > 0) {
    refresh();
}
