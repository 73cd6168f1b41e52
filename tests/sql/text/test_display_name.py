"""`display_name_refusal` and `claims_authority`: the rules of a public name."""

import pytest
from psycopg import Connection


def refusal(owner: Connection, name: str | None) -> str | None:
    [(text,)] = owner.execute("select private.display_name_refusal(%s)", [name]).fetchall()
    assert text is None or isinstance(text, str)
    return text


@pytest.mark.parametrize(
    "name",
    [
        "Zoë O'Neill", "J.R. Hartley", "J.Smith", "St.George", "Bob 1985", "member-012345",
        "Team 2024-25", "Stone & Sons", "\u674e\u5c0f\u9f99", "Cat at home", "Dot",
        "Shop \u0661\u0669\u0668\u0665", "polka-dot shop",
    ],
)  # fmt: skip
def test_plain_name_is_allowed(owner: Connection, name: str) -> None:
    """A name may have dots, years and short words."""
    assert refusal(owner, name) is None


@pytest.mark.parametrize(
    "name",
    [
        "call 0412 345 678", "0412345678", "(04) 1234-5678", "+61 412 345 678",
        "\uff10\uff14\uff11\uff12\uff13\uff14\uff15\uff16", "zero four one two three four five",
        "O4I2 345 678", "call 13 12 13", "www.evil.example", "WWW.EVIL.EXAMPLE", "evil.com",
        "https://x.example", "evil dot com", "evil[.]com", "evil . com", "t.me/bob", "bob@home",
        "@bob_smith", "bob at home dot net", "bob gmail", "whatsapp me", "insta bob",
        "\u0660\u0664\u0661\u0662\u0663\u0664\u0665\u0666", "\u096a\u0967\u0968 345 678",
        "\u0e50\u0e54\u0e51\u0e52 345 678", "\u277d\u2776\u2777 345 678", "evil\u3002com",
        "www\u3002evil", "evil-dot-com", "evil_dot_com", "evil - dot - com",
    ],
)  # fmt: skip
def test_contact_details_are_refused(owner: Connection, name: str) -> None:
    """A name with a phone number, an address or a chat service is refused in any spelling."""
    assert refusal(owner, name) == "Display name must not contain contact details"


@pytest.mark.parametrize(
    "name",
    [
        None, "", "ab", "x" * 41, "x" * 5_000_000, " padded", "two\nlines", "zero\u200bwidth",
        "right\u202eleft", "\u3164" * 3, "\u00a0" * 3, "\u0301" * 3, "<b>Bob</b>", "no\u00a0break",
        "jo\u200din\u200der", "Bob\ufe0f", "tag\U000e0041ged",
    ],
)  # fmt: skip
def test_hidden_or_marked_up_name_is_refused(owner: Connection, name: str | None) -> None:
    """A name has 3 to 40 characters that can be seen, and no markup."""
    assert refusal(owner, name) == "Display name must be 3 to 40 visible characters"


def claims_authority(owner: Connection, name: str) -> bool:
    [(claims,)] = owner.execute("select private.claims_authority(%s)", [name]).fetchall()
    assert isinstance(claims, bool)
    return claims


@pytest.mark.parametrize(
    "name",
    [
        "Aussie Market", "Aussie's Market", "Ozzy Market", "Help Centre", "Help Center",
        "Help Team", "aussiemarket", "Aussie-Market Support", "The Aussie Market Team",
        "Ozzie Market", "AUSSIEMARKET_AU", "Aussie Market Payments", "Support", "Support Team",
        "Customer Support AU", "customer service", "Customer-Care", "Help Desk", "helpdesk24",
        "Admin", "admin", "ADMIN1", "The Admin", "site_admin", "SuperAdmin", "Administrator",
        "Bob (Admin)", "Staff", "Staff Member", "Moderator", "Market Mod", "Mod Team", "Mods",
        "Marketplace", "Marketplace Security", "Trust & Safety", "Trust and Safety Team",
        "OfficialSupport", "TechSupport", "24/7 Support", "A Mod", "The Mods", "M o d", "SuperMod",
        "TheAussieMarket", "My Aussie Market", "Mod X",
    ],
)  # fmt: skip
def test_name_of_the_marketplace_is_a_claim(owner: Connection, name: str) -> None:
    """A word of the marketplace is a claim, alone or joined with a service's words."""
    assert claims_authority(owner, name)


@pytest.mark.parametrize(
    "name",
    [
        "Adm1n", "4dmin", "AdmIn", "Admln", "@dmin", "$upport", "5upp0rt", "Supp0rt 24", "5taff",
        "Staf f", "M0derat0r", "Moderat\u043er", "\u0410dmin", "\uff21\uff44\uff4d\uff49\uff4e",
        "\u0391dmin", "|admin|", "Aussie|Market", "!Staff!", "A d m i n", "A.d.m.i.n",
        "S-u-p-p-o-r-t", "ad_min", "sup port", "A\u0301dmin", "Adrnin", "Suppport", "Staaff",
        "Aus\u0455ie M\u0430rket", "4ussie M4rket", "Aussie Rnarket", "rnoderator",
        "\U0001d400dmin", "\u24b6dmin", "A\u0501min", "Aussle Market", "clesk support",
    ],
)  # fmt: skip
def test_claim_in_signs_that_look_alike_is_one(owner: Connection, name: str) -> None:
    """Similar letters, digits, gaps and doubled letters do not hide a claim."""
    assert claims_authority(owner, name)


@pytest.mark.parametrize(
    "name",
    [
        "Zo\u00eb O'Neill", "J.R. Hartley", "Badminton Fan", "Stafford", "Falstaff",
        "Staffy Rescue", "Collingwood Supporter", "Modern Home", "Mid Century Mod",
        "Mod Squad Records", "Modesty", "Market Garden", "Aussie Battler", "Aussie Surfer",
        "Sunday Market Finds", "The Bookshop", "Service Dog", "Customs House", "Team 2024-25",
        "Admiral Benbow", "Dad Minds", "Helpful Hannah", "member-012345", "deleted-a1b2c3",
        "\u674e\u5c0f\u9f99", "Trustworthy Tom", "Payne", "Lady Min", "Staffan Berg", "Staffa",
        "Amod", "Moda", "Moda Australia", "Modan", "Mo D", "Cozy Market", "Mozzie Market",
    ],
)  # fmt: skip
def test_other_name_is_no_claim(owner: Connection, name: str) -> None:
    """A longer word that contains such a word is no claim."""
    assert not claims_authority(owner, name)
