"""Faults in the message filter: its characters, readings, numbers, rules and refusals."""

from tests.proof.mutation import mutation


TRICKS = ("tests/sql/filter/test_tricks.py",)
PROPERTIES = ("tests/sql/filter/test_filter_properties.py",)
MESSAGE = ("tests/sql/filter/test_filter_message.py",)
LISTINGS = ("tests/sql/listings/test_change_listing.py",)
DISPUTES = ("tests/sql/disputes/test_open_dispute.py",)
PARCELS = ("tests/sql/fulfilment/test_shipments.py",)
MESSAGES = ("tests/sql/disputes/test_dispute_messages.py",)
CORPUS = ("tests/sql/filter/test_corpus.py",)
LOCKS = ("tests/sql/disputes/test_dispute_locks.py",)
OFFERS = ("tests/sql/listings/test_create_listing.py",)

CHARACTERS = "filter/characters.sql"
NUMERALS = "filter/numerals.sql"
RULES = "filter/rules.sql"
FOLDING = "filter/functions/folding.sql"
NUMBERS = "filter/functions/numbers.sql"
NUMBER_SHAPES = "filter/functions/number_shapes.sql"
MATCHING = "filter/functions/matching.sql"
VERDICTS = "filter/functions/verdicts.sql"
REFUSALS = "filter/functions/refusals.sql"
ENTITIES = "filter/functions/entities.sql"

FILTER_MUTATIONS = (
    mutation(
        "full-width signs separate words",
        CHARACTERS,
        "where compound.parts <> compound.glyph",
        "where false",
        TRICKS,
    ),
    mutation(
        "Arabic digits are no digits",
        CHARACTERS,
        "    1632, 1776, 1984",
        "    1776, 1984",
        TRICKS,
    ),
    mutation(
        "a doubled digit counts once",
        NUMERALS,
        "('multiplier', '2', 'double",
        "('multiplier', '1', 'double",
        TRICKS,
    ),
    mutation(
        "homophones are no digits",
        NUMBER_SHAPES,
        "'01234567890123456789'",
        "'0123456789||||||||||'",
        TRICKS,
    ),
    mutation(
        "dates are digits of a number",
        NUMBERS,
        "          numeral.is_date or (numeral.is_second and lag(numeral.is_date) over sequence)\n"
        "          or (numeral.is_third and lag(numeral.is_date, 2) over sequence)\n",
        "          false\n",
        TRICKS,
    ),
    mutation(
        "every long number is a card",
        NUMBER_SHAPES,
        "or private.is_luhn(v_found[v_n])",
        "or true",
        TRICKS,
    ),
    mutation(
        "text is never read from its end",
        FOLDING,
        "  if v_is_reversed then",
        "  if false then",
        TRICKS,
    ),
    mutation(
        "spaced letters stay apart",
        FOLDING,
        "  if private.has_spaced_letters(p_tokens) then",
        "  if false then",
        TRICKS,
    ),
    mutation(
        "spans are those of the folded text",
        MATCHING,
        "  if p_reading.origins is not null then",
        "  if false then",
        MESSAGE,
    ),
    mutation(
        "earlier messages are forgotten",
        VERDICTS,
        "array_to_string(p_earlier || p_text, E'\\n')",
        "p_text",
        TRICKS,
    ),
    mutation(
        "an earlier detail acts on the next message",
        VERDICTS,
        "v_start constant integer := char_length(v_whole) - char_length(p_text)",
        "v_start constant integer := 0",
        MESSAGE,
    ),
    mutation(
        "a proposal in two messages counts",
        VERDICTS,
        "    where hit.start_at >= v_start or (hit.end_at > v_start and hit.kind <> 'proposal')\n",
        "",
        MESSAGE,
    ),
    mutation(
        "no word before the message counts",
        MATCHING,
        "max(rules.gap) + 6",
        "0",
        TRICKS,
    ),
    mutation(
        "only findings in reach hide others",
        VERDICTS,
        "  if v_has_inner and p_from > 0 then",
        "  if false then",
        PROPERTIES,
    ),
    mutation(
        "words that are spelled numbers are no digits",
        NUMBERS,
        "(char_length(token.word) > 5 and private.is_spelled(token.word))",
        "false",
        TRICKS,
    ),
    mutation(
        "the mask leaves the last character",
        VERDICTS,
        "(v_found ->> 'end')::integer - (v_found ->> 'start')::integer",
        "(v_found ->> 'end')::integer - (v_found ->> 'start')::integer - 1",
        MESSAGE,
    ),
    mutation(
        "a card number passes after payment",
        RULES,
        "'{card}', 0, null, null, 90, 'CARD_NUMBER', '{strict,order,listing,joined}'",
        "'{card}', 0, null, null, 90, 'CARD_NUMBER', '{strict,listing,joined}'",
        TRICKS,
    ),
    mutation(
        "a refusal of PayID is a proposal",
        RULES,
        "'{pay_app}', 0,\n  'neg', ",
        "'{pay_app}', 0,\n  null, ",
        TRICKS,
    ),
    mutation(
        "a changed listing passes unread",
        "listings/functions/changes.sql",
        "private.contact_text_refusal(\n"
        "        v_listing.title, v_listing.description, v_listing.location ->> 'suburb',\n"
        "        v_private.street\n"
        "      )",
        "null",
        LISTINGS,
    ),
    mutation(
        "a dispute may not name a means of payment",
        REFUSALS,
        "    and hit.score >= private.setting('filter_mask')::integer\n",
        "",
        DISPUTES,
    ),
    mutation(
        "tracking numbers are card numbers",
        "fulfilment/functions/shipments.sql",
        "v_label || p_tracking",
        "p_tracking",
        PARCELS,
    ),
    mutation(
        "an entity inside an entity is none",
        ENTITIES,
        "'(?:&(?:amp;)*#",
        "'(?:&#",
        TRICKS,
    ),
    mutation(
        "the last entity of a detail stays in part",
        VERDICTS,
        "v_decoded.origins[hit.end_at + 1] - 1,",
        "v_decoded.origins[hit.end_at],",
        TRICKS,
    ),
    mutation(
        "a text with entities is read decoded alone",
        VERDICTS,
        "    select hit from unnest(v_findings) as hit\n    union\n",
        "",
        TRICKS,
    ),
    mutation(
        "a blank in an entity hides its sign",
        ENTITIES,
        "'|& ?(?:# ?0*[0-9]{1,7} ?;|",
        "'|&(?:#0*[0-9]{1,7};|",
        TRICKS,
    ),
    mutation(
        "a party on the staff may move the money elsewhere",
        "disputes/functions/messages.sql",
        "          then private.payment_text_refusal(\n",
        "          and not private.is_staff()\n          then private.payment_text_refusal(\n",
        MESSAGES,
    ),
    mutation(
        "money in one message makes an account of a number in the next",
        REFUSALS,
        "private.filter_findings(v_whole, 'joined', v_start)",
        "private.filter_findings(v_whole, 'order', v_start)",
        MESSAGES,
    ),
    mutation(
        "phone number is an account",
        REFUSALS,
        "    and not (\n      known.pattern <@",
        "    and not (\n      false and known.pattern <@",
        MESSAGES,
    ),
    mutation(
        "message runs beside evidence",
        "disputes/functions/messages.sql",
        "where id = p_dispute_id for no key update;\n",
        "where id = p_dispute_id;\n",
        LOCKS,
    ),
    mutation(
        "label is read as other texts",
        "fulfilment/functions/shipments.sql",
        "private.link_refusal('label_url', v_label_url)",
        "private.payment_text_refusal('label_url', v_label_url)",
        PARCELS,
    ),
    mutation(
        "street of a copy is read again",
        "listings/functions/offers.sql",
        "      case when v_listing.id is null then p_street end\n",
        "      p_street\n",
        LISTINGS,
    ),
    mutation(
        "two words are a name in another script",
        "filter/words.sql",
        "('app', '=batcan =bau6ep =botcan =katalk =telerpam')",
        "('app', 'batcan bau6ep botcan katalk telerpam')",
        CORPUS,
    ),
    mutation(
        "name of a photo is an account",
        NUMBERS,
        "          or numeral.is_timestamp or",
        "          or false or",
        TRICKS,
    ),
    mutation(
        "messages about a dispute are read one by one",
        "disputes/functions/messages.sql",
        "'content', v_content, private.recent_dispute_texts(p_dispute_id, auth.uid())",
        "'content', v_content",
        MESSAGES,
    ),
    mutation(
        "old messages about a dispute count",
        "disputes/functions/messages.sql",
        "      where written.created_at > v_since and written.content is not null\n",
        "      where written.content is not null\n",
        MESSAGES,
    ),
    mutation(
        "a serial number is a phone number",
        NUMBER_SHAPES,
        "      v_pieces[v_n] := '|';\n",
        "      null;\n",
        TRICKS,
    ),
    mutation(
        "a label hides a number to call",
        NUMBER_SHAPES,
        "  if v_places = '{}' or exists (\n",
        "  if v_places = '{}' or false and exists (\n",
        TRICKS,
    ),
    mutation(
        "numbers from any digit are an account without a label",
        NUMBER_SHAPES,
        "  return left(p_digits, 2) in ('01', '03', '06', '08')\n",
        "  return true\n",
        TRICKS,
    ),
    mutation(
        "six digits after a word for calls are a phone number",
        NUMBER_SHAPES,
        "private.digit_count(p_digits) > 7)",
        "private.digit_count(p_digits) > 5)",
        TRICKS,
    ),
    mutation(
        "a phone number after a word of payment is an account",
        NUMBER_SHAPES,
        " and not private.is_phone_number(p_digits)),",
        "),",
        TRICKS,
    ),
    mutation(
        "the next sentence is a domain",
        RULES,
        "'{unknown,inner_dot,word_tld}'",
        "'{inner_dot,word_tld}'",
        TRICKS,
    ),
    mutation(
        "a country after a full stop and a new line is a domain",
        RULES,
        "'{inner_dot,site_tld}'",
        "'{tight_dot,site_tld}'",
        TRICKS,
    ),
    mutation(
        "status of a parcel has payment details",
        "fulfilment/functions/shipments.sql",
        "    private.payment_text_refusal('status', v_status),\n",
        "",
        PARCELS,
    ),
    mutation(
        "a name of a file is a handle",
        REFUSALS,
        "    and not (p_is_file_name and hit.rule = 'pay_app_handle')\n",
        "",
        ("tests/sql/storage/test_files.py",),
    ),
    mutation(
        "street of a listing has payment details",
        REFUSALS,
        '    return v_refusal || \'{"field": "street"}\' || private.payment_span(p_street);\n',
        "    return null;\n",
        OFFERS,
    ),
    mutation(
        "look at a listing is undone",
        "listings/functions/secrets.sql",
        "  perform private.refuse_filtered_call();\n",
        "",
        OFFERS,
    ),
)
