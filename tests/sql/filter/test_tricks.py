"""The message filter by kind of trick: one text for each way to write a detail or hide it."""

import pytest
from psycopg import Connection

from tests.corpus.loader import Action
from tests.sql.filter.filtering import judged


@pytest.mark.parametrize(
    "text",
    [
        "0412 345 678", "+61 412 345 678", "0061 412 345 678", "+61 (0)412 345 678", "0412.345.678",
        "04-12-34-56-78", "0 4 1 2 3 4 5 6 7 8", "call 412 345 678", "(02) 9876 5432",
        "ring 9876 5432", "1300 123 456", "call 13 12 13", "$0412 $345 $678", "0412|345|678",
        "both in one trip? 0412 345 678", "I make one trip 0412 345 678",
    ],
)  # fmt: skip
def test_digits_of_a_phone_number_are_masked(owner: Connection, text: str) -> None:
    """A phone number may have any separators, and the prefix of the country or not."""
    assert judged(owner, text).action is Action.MASK


@pytest.mark.parametrize(
    "text",
    [
        "zero four one two three four five six seven eight", "oh four one two treble three 444",
        "zero four twelve thirty four fifty six seventy eight", "0412 three four five 678",
        "zero4one2 three45 678", "zerofouronetwothreefourfivesixseveneight",
        "zero for won too tree for fife sicks seven ate",
        "04 double one double two double three 44",
        "O4I2 E4S 67B", "nought four one two three four five six seven eight",
        "0412 five hundred and seventy 006", "call thirteen hundred 123 456",
        "one trip! zero four one two three four five six seven eight",
    ],
)  # fmt: skip
def test_spelled_phone_number_is_masked(owner: Connection, text: str) -> None:
    """Number words, homophones, repeats and letters count as the digits that a reader takes."""
    assert judged(owner, text).action is Action.MASK


@pytest.mark.parametrize(
    "text",
    [
        "\uff10\uff14\uff11\uff12 345 678", "\u0660\u0664\u0661\u0662 345 678",
        "\u0966\u096a\u0967\u0968 345 678", "0\ufe0f\u20e34\ufe0f\u20e31\ufe0f\u20e32 345 678",
        "\u24ea\u2463\u2460\u2461 345 678", "04\u200b12\u200b345\u200b678",
        "0\u03014\u030112 345 678", "\u96f6\u56db\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b",
        "b\u043eb@gm\u0430il.com", "\uff22\uff2f\uff22\uff20\uff27\uff4d\uff41\uff49\uff4c.com",
        "\U0001d41bob@\U0001d420mail.com", "b\u03bfb@gmail.com",
    ],
)  # fmt: skip
def test_characters_of_other_scripts_are_read(owner: Connection, text: str) -> None:
    """Full-width and circled signs, digits of every script, marks and homoglyphs hide nothing."""
    assert judged(owner, text).action is Action.MASK


@pytest.mark.parametrize(
    "text",
    [
        "&#48;&#52;&#49;&#50; &#51;&#52;&#53; &#54;&#55;&#56;",
        "&#48&#52&#49&#50&#51&#52&#53&#54&#55&#56",
        "&#x30;&#x34;&#X31;&#x0032; 345 678", "&#0000048;412 345 678",
        "0&amp;#52;1&amp;amp;#50; 345 678", "0412&nbsp;345&#8203;&Tab;678",
        "04&shy;12 345&hyphen;678",
        "bob&commat;gmail&period;com",
        "b&oacute;b&#64;gm&#97;il&#46;com", "b&ofr;b&COMMAT;gmail.com",
        "www&period;bobs-bargains&#46;com&#46;au",
        "bob%40gm%61il%2Ecom", "%30%34%31%32%33%34%35%36%37%38",
        r"\u0030\u0034\u0031\u0032 345 678", r"bob\x40gmail\x2ecom",
        "& #48; & #52 ; & #49; &# 50; & #x33; 45 678", "%2530%2534%252531%32345678",
        "bob&amp;commat;x.com",
        "U+0030 U+0034 U+0031 U+0032 345 678",
        r"\u{30}\u{0034}\u{31}\u{32}345678",
        "&#0412;&#345;&#678;",
    ],
)  # fmt: skip
def test_entities_and_escapes_are_read(owner: Connection, text: str) -> None:
    """The filter reads an entity as its character, and also as it is written."""
    assert judged(owner, text).action is Action.MASK


def test_an_entity_is_hidden_whole(owner: Connection) -> None:
    """The mask covers each entity from its first sign to its last."""
    verdict = judged(owner, "ring &#48;412 345 67&#56; thanks")

    assert verdict.masked == f"ring {'▇' * 20} thanks"


@pytest.mark.parametrize(
    "text",
    [
        "AT&T and R&amp;D; 50%20 off", "a&b; c&d", "&#1114112; &#xd800; &#0; &unknown;",
        "&;&#;&#x;%",
        "caf&eacute; chairs, 20&nbsp;cm, &pound;5, fish &amp; chips",
        "saves 10%-30%, 5%25",
        "model U+2 & #5 of 10; box & 12", r"C:\users",
    ],
)  # fmt: skip
def test_other_entities_hide_nothing(owner: Connection, text: str) -> None:
    """A text with entities, percentages or backslashes passes if it has no detail."""
    assert judged(owner, text).action is Action.ALLOW


@pytest.mark.parametrize(
    "text",
    [
        "my number starts with 0412 and then it's 345 and the end is 678",
        "first four digits 0412, middle three 345, last three 678",
        "the last six of my mobile are 345678 and it starts 0412",
        "put a zero in front of 412345678", "412 345 678 with the usual zero in front",
        "876 543 2140 backwards", "ring 9876 5432, area code 02",
    ],
)  # fmt: skip
def test_described_phone_number_is_masked(owner: Connection, text: str) -> None:
    """A sentence that describes a phone number is masked."""
    assert judged(owner, text).action is Action.MASK


@pytest.mark.parametrize(
    "text",
    [
        "bob@example.com", "bob at example dot com", "bob (at) example (dot) com.au", "bob gmail",
        "jane at the google mail one", "bob @ gee mail", "moc.liamg@bob",
        "b o b @ g m a i l . c o m", "moc tod elpmaxe ta bob",
        "my email is bob smith at big pond", "bob -at- mail -dot- ru", "bob[at]bob[dot]id[dot]au",
    ],
)  # fmt: skip
def test_email_address_is_masked(owner: Connection, text: str) -> None:
    """An address is masked with or without its signs, and the name of a provider suffices."""
    assert judged(owner, text).action is Action.MASK


@pytest.mark.parametrize(
    "text",
    [
        "see bobs.com.au", "https://bobs.shop/x", "www.bobs.example", "bobs bargains dot com",
        "t.me/bobby", "wa.me/61412345678", "linktr.ee/bob", "facebook slash bobs dot bargains",
        "@bob_smith", "insta: bobsmith", "my ig is bobsmith", "find me on fb as Bob Smith",
        "add bobby.t on snap", "bobby99 on tele gram", "Discord bobby#1234", "my wechat id bob_88",
    ],
)  # fmt: skip
def test_link_or_handle_is_masked(owner: Connection, text: str) -> None:
    """A page or an account elsewhere is a contact detail."""
    assert judged(owner, text).action is Action.MASK


@pytest.mark.parametrize(
    "text",
    [
        "\u5fae\u4fe1 bob123", "\u6263\u6263 123456789", "QQ 123456789", "V\u4fe1 bob88",
        "\u52a0\u6211\u8587\u4fe1 opal_88", "\uce74\ud1a1 opal88",
        "\uce74\uce74\uc624\ud1a1 opal", "телеграм opal_88", "вайбер opal88", "ватсап opal88",
    ],
)  # fmt: skip
def test_chat_app_in_its_own_script_is_masked(owner: Connection, text: str) -> None:
    """The filter knows WeChat and QQ in Chinese, Kakao in Korean, and three apps in Cyrillic."""
    assert judged(owner, text).action is Action.MASK


@pytest.mark.parametrize("stage", ["strict", "order", "listing"])
@pytest.mark.parametrize(
    "name",
    [
        "20261130_104344.jpg", "PXL_20261130_104344123.jpg", "PXL_20261130_104344123.MP.jpg",
        "IMG-20261130-WA0007.jpg", "Screenshot_20261130-104344.png", "VID_20261130_104344.mp4",
    ],
)  # fmt: skip
def test_name_of_a_photo_is_no_account(owner: Connection, name: str, stage: str) -> None:
    """A camera names a photo by its day and time, also after a word about payment."""
    assert judged(owner, f"My bank account paid {name}", stage=stage).action is Action.ALLOW


@pytest.mark.parametrize(
    "digits",
    [
        "20261330_104344", "20261132_104344", "20261130_244344", "20261130_106044",
        "20261130_1043441234", "20261130 104344", "19991130_104344",
    ],
)  # fmt: skip
def test_digits_that_are_no_day_and_time_are_an_account(owner: Connection, digits: str) -> None:
    """A day and a time exist, and a dash joins them."""
    assert judged(owner, f"Pay to account {digits}", stage="order").action is not Action.ALLOW


@pytest.mark.parametrize("stage", ["strict", "order"])
@pytest.mark.parametrize(
    "text",
    [
        "my PayID is bob@example.com", "payid 0412 345 678", "0412345678 is my pay id",
        "p.a.y.i.d 0412345678", "p4yid 0412345678", "pay eye dee 0412 345 678",
        "BSB 062-000 account 12345678", "062-000 12345678", "transfer it to 062000 10345678",
        "b s b zero six two zero zero zero account 12345678", "acct 1234 5678",
        "send payment to ABN 51 824 753 556", "paypal.me/bobsmith", "beem me @bobsmith",
        "osko it to 0412 345 678", "card 4111 1111 1111 1111",
        "btc bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "pay with an itunes card and send me the code",
    ],
)  # fmt: skip
def test_payment_detail_is_masked_at_every_stage(owner: Connection, text: str, stage: str) -> None:
    """The parties of an order may not move the payment elsewhere."""
    assert judged(owner, text, stage=stage).action in {Action.MASK, Action.HOLD}


@pytest.mark.parametrize(
    "text",
    [
        "whats ur number", "call me", "give us a bell", "let's chat on w h a t s a p p",
        "wh4tsapp me", "can we move this to messenger", "do you do paypal", "would you take cash",
        "can I pay by bank transfer", "cancel it here and deal direct", "lets skip the fees",
        "lets do this off the site", "I can pay in BTC", "buy me a steam card instead",
        "cancel it and sell it to me", "pay on pickup?",
    ],
)  # fmt: skip
def test_proposal_is_warned_about(owner: Connection, text: str) -> None:
    """A mere proposal to leave the site is delivered, and the sender warned."""
    assert judged(owner, text).action is Action.WARN


@pytest.mark.parametrize("stage", ["strict", "order"])
@pytest.mark.parametrize(
    "text",
    [
        "062000 12345678", "082 902 12345678", "082-902-12345678", "032 123 456789",
        "063000 1234 5678", "bsb082902acc123456789", "BSB082902 then", "acc12345678",
        "IBAN GB29NWBK60161331926819", "iban DE89 3704 0044 0532 0130 00",
    ],
)  # fmt: skip
def test_account_without_a_label_or_joined_to_it_is_masked(
    owner: Connection, text: str, stage: str
) -> None:
    """A BSB of a large bank before an account number needs no word, and a label needs no blank."""
    assert judged(owner, text, stage=stage).action in {Action.MASK, Action.HOLD}


@pytest.mark.parametrize("stage", ["strict", "order"])
@pytest.mark.parametrize(
    "text",
    [
        "serial 062000 12345678", "352000 12345678", "062000 123456", "012345 then 0129871",
        "062, 000, 12345678", "acc2 relay", "accord12345678", "bsb 12",
    ],
)  # fmt: skip
def test_other_long_numbers_are_no_account(owner: Connection, text: str, stage: str) -> None:
    """A label, another first digit, another length or a word between keeps a number visible."""
    codes = judged(owner, text, stage=stage).reason_codes

    assert "BANK_ACCOUNT" not in codes


@pytest.mark.parametrize(
    "text",
    [
        "Serial 0412345678 is stamped here", "The serial number is 0398765432", "S/N: 0287654321",
        "part no. 0445110369", "ISBN-10: 0306406152", "order #0412345678", "frame 0412345678",
        "tracking no is 0412345678",
    ],
)  # fmt: skip
def test_labelled_number_is_no_phone_number(owner: Connection, text: str) -> None:
    """Ten digits in one word after the word for a serial or order number pass."""
    assert judged(owner, text).action is Action.ALLOW


@pytest.mark.parametrize(
    "text",
    [
        "serial 0412 345 678", "order 0412345678", "serial, 0412345678",
        "my serial number is 0412345678, text me", "serial number: call me on 0412345678",
        "serial 0412345678 0491570156", "serial 0412345678 on whatsapp",
        "order no 0412345678 (my mob)",
    ],
)  # fmt: skip
def test_label_hides_no_phone_number(owner: Connection, text: str) -> None:
    """A number in parts, a weak label and a word about calls leave it a phone number."""
    assert judged(owner, text).action is Action.MASK


@pytest.mark.parametrize(
    "text",
    [
        "Hi.\nTo be honest it is old.\nMe too", "ok.me too", "great.tv works?", "Good.\nShop bag?",
        "Kookaburra.\nTo suit kids", "Lovely.\nIn/near Penrith?",
        "An adaptor.\nAU plug", "Size 10.\nUK 8 too", "Damaged.\nNet weight 4 kg",
    ],
)  # fmt: skip
def test_next_sentence_is_no_domain(owner: Connection, text: str) -> None:
    """A full stop before a short word joins two sentences of people who leave out the blank."""
    assert judged(owner, text).action is Action.ALLOW


@pytest.mark.parametrize(
    "text",
    [
        "kevs.me",
        "kev77.me",
        "kevs.tv",
        "bobs.shop",
        "best.shop",
        "kevs.com",
        "kevs.nz",
        "kevs.\ncom",
        "t.me/kev",
    ],
)
def test_domain_that_is_a_word_is_masked(owner: Connection, text: str) -> None:
    """A name before the short word makes a link of it."""
    assert judged(owner, text).action is Action.MASK


@pytest.mark.parametrize(
    "text",
    [
        "I paid already, my number is 0412345678",
        "send the tracking to 0412 345 678",
        "I want my money back. My number is 0412 345 678",
        "I've paid so come to the gate and call 0412345678",
        "transfer the rego: customer 12345678",
    ],
)
def test_phone_number_beside_payment_is_allowed_after_it(owner: Connection, text: str) -> None:
    """A party who writes that they paid may add a phone number."""
    assert judged(owner, text, stage="order").action is Action.ALLOW


@pytest.mark.parametrize(
    "text",
    [
        "pay 0412345678",
        "send the money to 0412 345 678",
        "transfer $50 to 0412345678",
        "refund me to 0412 345 678",
    ],
)
def test_payment_to_a_phone_number_is_masked_after_it(owner: Connection, text: str) -> None:
    """A phone number to which money goes is a PayID."""
    assert judged(owner, text, stage="order").action is Action.MASK


@pytest.mark.parametrize(
    ("earlier", "text"),
    [
        (["0412"], "345 678"), (["04", "12 34"], "56 78"),
        (["my digits", "0412", "then"], "345678"), (["my payid"], "0412 345 678"),
        (["bob.smith"], "@gmail.com"), (["BSB 062-000"], "12345678"),
        (["insta?"], "bob_smith99"), (["zero four one two"], "three four five six seven eight"),
    ],
)  # fmt: skip
def test_detail_split_over_messages_is_masked(
    owner: Connection, earlier: list[str], text: str
) -> None:
    """The message that completes a detail is masked."""
    verdict = judged(owner, text, earlier=earlier)

    assert verdict.action in {Action.MASK, Action.HOLD}
    assert 0 in {finding["message"] for finding in verdict.findings}


@pytest.mark.parametrize(
    "text",
    [
        "Would you take $450, or 38.95 for postage to 4350?",
        "Pick up @ 10am Sat 04/12/2024 10:30?",
        "Batman #48 & #52 & #49 & #50 & #51 & #52 & #53 & #54 & #55 & #56",
        "Tracking is 33XYZ0412345601000930", "It is 1200 x 600 x 450 mm and holds 300 litres",
        "Serial number 4512987634, model WH-1000XM4, made in 1998", "IMEI 356938035643809",
        "ISBN 978-0-14-303943-3", "engraved 4111 1111 1111 1112",
        "Order 10045781, consignment 7ABC004512", "0 to 100 in 4.5 s",
        "Sorry, no cash or PayID, please pay through the site", "Can this tablet run WhatsApp?",
        "I never use bank transfer, only the checkout here", "call it 250 and you have a deal",
        "Two for 40 or four for 70? I need one or two for my son who is eight.",
        "Is it the direct drive motor? Is the messenger bag included?", "What are the fees here?",
        "saw the same on facebook marketplace for 300", "has a signal booster for 4G at 850 MHz",
        "Phone case for iphone 12 13 14", "telegram stamp from 1942", "the kik scooter needs grips",
        "Can I use Afterpay on the site?", "thanks @all", "sell to me for 300?",
        "posts to 3000, 3051 and 3182",
    ],
)  # fmt: skip
def test_harmless_text_is_allowed(owner: Connection, text: str) -> None:
    """Prices, dates, sizes, models, serial and tracking numbers pass."""
    verdict = judged(owner, text)

    assert (verdict.action, verdict.findings) == (Action.ALLOW, [])
