"""The guard over the browser's pages notices what the other tests of this folder rely on.

`make browser` runs all files of the folder. pytest collects only `test_*.py`, so `make test` skips
them: the browser is a download of 70 MB.
"""

import io

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.support.browser import NewPerson, check_accessibility, check_width


ADDRESS = "http://127.0.0.1:1/"
POLICY = {"Content-Security-Policy": "default-src 'self'"}
POLICY_OF_STYLES = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
BAD_FORM = """<!doctype html><html lang=en><title>Form</title><main><h1>Form</h1>
<p style="color:#bbb">Pale</p><form><input name=price></form></main>"""
GOOD_FORM = """<!doctype html><html lang=en><title>Form</title><main><h1>Form</h1>
<p style="color:#333">Dark</p><form><label>Price <input name=price></label></form></main>"""


def show(page: Page, body: str, status: int = 200, headers: dict[str, str] | None = None) -> None:
    """Open a page with this body; every other address answers 404."""

    def answer(route: Route) -> None:
        is_page = route.request.url == ADDRESS
        route.fulfill(
            status=status if is_page else 404,
            body=body if is_page else "",
            headers={"Content-Type": "text/html", **(headers or {})},
        )

    page.route("http://127.0.0.1:1/**", answer)
    page.goto(ADDRESS)


def test_violation_of_the_policy_is_a_fault(new_person: NewPerson) -> None:
    """The browser does not run an inline script that the policy forbids, and the guard tells."""
    person = new_person()

    with person.expecting("Content Security Policy"):
        show(person.page, "<title>good</title><script>document.title='bad'</script>", 200, POLICY)

    expect(person.page).to_have_title("good")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<script>console.error('lost')</script>", "console: lost"),
        ("<script>throw new Error('broken')</script>", "page error: broken"),
        ("<img src=/missing.png>", "GET http://127.0.0.1:1/missing.png answered 404"),
        ("<img src=http://example.org/>", "net::ERR_NAME_NOT_RESOLVED"),
    ],
)
def test_error_of_a_page_is_a_fault(new_person: NewPerson, body: str, fault: str) -> None:
    """The guard fails the test for each kind of fault; the browser reaches no other machine."""
    person = new_person()

    show(person.page, body)

    with pytest.raises(AssertionError, match=fault):
        person.check()
    person.faults.clear()


def test_unexpected_status_is_a_fault(new_person: NewPerson) -> None:
    """A test must name the refusal that it provokes."""
    person = new_person()

    with pytest.raises(AssertionError, match="answered 403"), person.expecting("answered 401"):
        show(person.page, "no", 403)

    person.faults.clear()


def test_accessibility_check_names_each_finding(new_person: NewPerson) -> None:
    """A pale text and a field without a label fail the check."""
    page = new_person().page

    show(page, BAD_FORM)

    with pytest.raises(AssertionError) as failure:
        check_accessibility(page)
    assert "color-contrast (serious)" in str(failure.value)
    assert "label (critical)" in str(failure.value)


def test_accessibility_check_accepts_a_good_page(new_person: NewPerson) -> None:
    """The check works on a page whose policy forbids scripts."""
    page = new_person().page

    show(page, GOOD_FORM, 200, POLICY_OF_STYLES)

    check_accessibility(page)


def test_wide_content_is_found_on_a_phone(new_person: NewPerson) -> None:
    """A page that must be scrolled sideways fails."""
    page = new_person(phone=True).page

    show(page, "<meta name=viewport content='width=device-width'><p style='width:500px'>wide")

    with pytest.raises(AssertionError, match="508 px of content, 390 px of window"):
        check_width(page)


def test_text_is_drawn(new_person: NewPerson) -> None:
    """The browser has fonts for text, code and symbols, so a screenshot shows them."""
    page = new_person().page
    texts = ("word", "<code>code</code>", "→", "✓")

    for text in texts:
        show(page, f"<p>{text}</p>")

        picture = Image.open(io.BytesIO(page.locator("p").screenshot()))
        assert len(picture.getcolors(10_000) or ()) > 1, text
