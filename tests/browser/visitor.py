"""A person at a browser, who finds things by what they are called."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

if TYPE_CHECKING:
    from email.message import EmailMessage

    from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Response

    from .people import Person

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 320, "height": 640}
LOOKS = (("light", WIDE), ("dark", NARROW))
PHONE = {"width": 360, "height": 740}
PICTURES = os.environ.get("TEST_SCREENSHOTS", "")
"""Folder for pictures of all pages: `make screenshots` names one."""
if PICTURES:
    LOOKS = (*LOOKS, ("light", PHONE), ("dark", WIDE))
AXE = Axe()
# To look through style sheets, axe would put styles into the page, which the policy forbids.
AXE_OPTIONS = {"preload": False}

# The page that says why the admin is closed has the status that says so, which Chromium reports as if it were a failure.
ADMIN_REFUSAL = re.compile(r"Failed to load resource: .* 403 .* http://[^/]+/admin/(login/)?(\?.*)?$")


class Visitor:
    """Uses the site in a browser of their own (several windows of it, if wanted), and keeps note of what goes wrong."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.complaints: list[str] = []
        self.accepted: tuple[str, ...] = ()
        """What axe may find, because a site without a theme has it so."""
        self.accepted_errors: tuple[str, ...] = ()
        """Ends of addresses whose answers may be errors."""
        self.album = "theme"
        """The folder of the pictures: the theme that the site has."""
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("response", self._judge)
        self.page = context.new_page()

    def _hear(self, message: ConsoleMessage) -> None:
        said = f"{message.text} {message.location['url']}"
        is_expected = ADMIN_REFUSAL.match(said) or said.endswith(self.accepted_errors)
        if message.type in {"error", "warning"} and not is_expected:
            self.complaints.append(f"{message.type} at {message.page.url if message.page else None}: {said}")

    def _judge(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} {response.url}")

    # Going about

    def open(self, path: str) -> None:
        """Type an address."""
        self.page.goto(path)

    def read_mail(self, mail: EmailMessage) -> None:
        """Show the HTML of a mail. It is no page with landmarks."""
        self.page.goto("about:blank")
        self.page.set_content(mail.get_body(("html",)).get_content())
        self.accepted, self.album = ("landmark-one-main", "region"), "mails"

    def button(self, name: str) -> Locator:
        """Find a button."""
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        """Find a link on the page, or one in its head."""
        return self.page.get_by_role("link", name=name, exact=True)

    def field(self, label: str) -> Locator:
        """Find a field by its label."""
        return self.page.get_by_label(label, exact=True)

    def sees(self, text: str) -> None:
        """Wait until the text can be seen."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def is_at(self, heading: str) -> None:
        """Wait for the page of that heading."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)

    # What everybody does

    def give_password(self, person: Person) -> None:
        """Fill in the login page."""
        self.is_at("Sign In")
        self.page.locator("#id_login").fill(person.name)
        self.page.locator("#id_password").fill(person.password)
        self.button("Sign In").click()

    def come_to_the_challenge(self, person: Person) -> None:
        """Log in as far as the password goes."""
        self.open("/accounts/login/")
        self.give_password(person)
        self.is_at("Enter your code")

    def answer(self, text: str) -> None:
        """Fill in the challenge."""
        self.field("Code").fill(text)
        self.button("Sign in").click()

    def use(self, way: str) -> None:
        """Choose one of the other ways to answer."""
        self.page.get_by_text("Use a different method", exact=True).click()
        self.page.locator(".two-factor-way", has_text=way).click()

    def is_logged_in(self, person: Person) -> None:
        """Wait for the home page, where the site greets its people."""
        self.is_at(f"Signed in as {person.name}")

    def log_in(self, person: Person) -> None:
        """Log in."""
        self.open("/accounts/login/")
        self.give_password(person)
        if person.apps:
            self.is_at("Enter your code")
            self.answer(person.app.next_code())
        self.is_logged_in(person)

    def log_out(self) -> None:
        """Log out, by the link and the question after it."""
        self.link("Sign out").click()
        self.is_at("Sign Out")
        self.button("Sign Out").click()
        self.is_at("Two-factor authentication, to try out")

    # Looking at it

    def look_around(self, name: str) -> None:
        """Look at the page in the light and wide, then in the dark and narrow: axe finds nothing, nothing is cut off.

        Where TEST_SCREENSHOTS names a folder, pictures are kept there, of more looks.
        """
        page = self.page
        # An address shows before its page is there.
        page.wait_for_load_state()
        for scheme, size in LOOKS:
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme)
            if self.album == "bootstrap5":
                # Bootstrap does not ask the browser: a script of the site does.
                page.evaluate("scheme => { document.documentElement.dataset.bsTheme = scheme }", scheme)
            page.evaluate("Promise.all(document.getAnimations().map(fading => fading.finished))")
            look = f"{name}, {scheme}, {size['width']} pixels wide"
            violations = AXE.run(page, options=self._axe_options()).response["violations"]
            found = [f"{violation['id']}: {node['html']}" for violation in violations for node in violation["nodes"]]
            assert not found, f"{look}: {found}"
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], look
            if PICTURES:
                page.screenshot(path=Path(PICTURES) / self.album / f"{name}, {scheme} {size['width']}.png", full_page=True)
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")

    def _axe_options(self) -> dict[str, object]:
        return {**AXE_OPTIONS, "rules": {rule: {"enabled": False} for rule in self.accepted}}


def new_tab(visitor: Visitor) -> Page:
    """Open another tab of the same browser."""
    return visitor.context.new_page()
