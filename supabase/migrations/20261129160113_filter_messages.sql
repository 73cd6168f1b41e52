set lock_timeout = '2s';
set statement_timeout = '30s';

create table private.filter_characters (
  glyph text collate "C" not null,
  folded text collate "C" not null,
  constraint filter_characters_pkey primary key (glyph)
);

comment on table private.filter_characters is 'Non-ASCII characters, with the ASCII text that a reader takes each for. An invisible character has an empty text. A character without a row separates words.';

create table private.filter_words (
  word text collate "C" not null,
  class text collate "C" not null, -- noqa: RF04
  constraint filter_words_pkey primary key (word, class)
);

comment on table private.filter_words is 'Words and phrases of the message filter, each with a class that rules name. A phrase stands without its spaces. A row of punctuation is a separator.';

create table private.filter_numerals (
  word text collate "C" not null,
  kind text collate "C" not null, -- noqa: RF04
  value text collate "C" not null default '', -- noqa: RF04
  constraint filter_numerals_pkey primary key (word),
  constraint filter_numerals_kind_is_known check (
    kind in ('digit', 'ten', 'teen', 'hundred', 'plural', 'multiplier', 'filler', 'unit')
  )
);

comment on table private.filter_numerals is 'Words that write numbers, connect digits or follow an amount. A value has A to J for the digits 0 to 9, or a to j if the word has another common meaning.';

create table private.filter_rules (
  rule_version integer not null,
  rule text collate "C" not null, -- noqa: RF04
  kind text collate "C" not null, -- noqa: RF04
  pattern text[] not null, -- noqa: RF04
  gap integer not null default 0,
  unless text collate "C",
  weight integer not null,
  reason_code text collate "C" not null,
  stages text[] not null,
  active boolean not null default true,
  constraint filter_rules_pkey primary key (rule_version, rule),
  constraint filter_rules_kind_is_known check (kind in ('contact', 'payment', 'proposal')),
  constraint filter_rules_pattern_is_short check (cardinality(pattern) between 1 and 4),
  constraint filter_rules_weight_is_a_score check (weight between 0 and 100)
);

comment on table private.filter_rules is 'Rules of the message filter. A rule finds the classes of its pattern in this order, with at most gap words between two. A mark of the class unless, close before or inside, voids it. Only migrations change rules.';

create type private.filter_token as (
  n integer, word text, gap text, start_at integer, end_at integer
);

comment on type private.filter_token is 'A word of a folded text: its number, the separator after it, and its first and last character.';

create type private.filter_mark as (class text, first integer, last integer);

comment on type private.filter_mark is 'A class that stands at a span of words. Word n has position 2n, and the separator after it 2n + 1.';

create type private.folded_text as (folded text, origins integer []);

comment on type private.folded_text is 'A text in lower-case ASCII, with the place in the original of each character, or null if they are the same.';

create type private.filter_finding as (
  rule text, reason_code text, score integer, start_at integer, end_at integer
);

comment on type private.filter_finding is 'A rule that fits, with its span in the text: the first character, and the one after the last. The first character has number 0.';

create type private.filter_verdict as (
  action public.filter_action, -- noqa: RF04
  score integer,
  reason_codes text [],
  findings jsonb,
  masked text,
  rule_version integer
);

comment on type private.filter_verdict is 'The action about a message, with the reasons for staff and the text that the recipient may read.';

-- The linter takes columns of values lists and the forms of normalize for columns of tables.
-- noqa: disable=RF02,RF03
-- Signs that look like an ASCII letter or digit, and have no decomposition that says so. Each pair
-- of strings has the same length.
insert into private.filter_characters (glyph, folded)
select
  substr(pair.glyphs, place, 1) as glyph,
  substr(pair.folded, place, 1) as folded
from (
  values
  -- Cyrillic, capital and small.
  ('АВСЕНІЈКМОРЅТУХЗЧБҮҰԌԚԜѴӀГҺЬЫЛПДИЦШЩЮЯЄЭФЖЪЮ', 'abcehijkmopstyx346yygqwvlrhbblnduywwueeoxxbu'),
  ('авсеһіјкмнорѕтухзчбүұԍԛԝѵӏгґьылпдицшщюєэфжғԁ', 'bbcehijkmhopstyx346yygqwvlrrbblnduywwueeoxfd'),
  -- Greek, capital and small.
  ('ΑΒΕΖΗΙΚΜΝΟΡΤΥΧΘΣΦΩΓΔΛΠ', 'abezhikmnoptyx0eowrdan'),
  ('αβεζηικμνορςστυχωγδλθφπ', 'abeznikuvopsstuxwydaoon'),
  -- Armenian, Cherokee and Lisu.
  ('օոսհցքզյլԼՏՕՍոգ', 'onuhgpqjllsounq'),
  ('ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᎩᏃ', 'abcdeghijklmprstvwyz'),
  ('ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ', 'bpdtgkjczfmnlsrvhwxyaeiou'),
  -- Latin letters of other alphabets, small capitals and letters upside down.
  ('ıłŁøØđĐħĦŧŦɑɡƒɩʟƖɪɴʀʙʜᴀᴄᴅᴇꜰɢᴊᴋᴌᴍᴏᴘꜱᴛᴜᴠᴡʏᴢ', 'illooddhhttagfillinrbhacdefgjklmopstuvwyz'),
  (
    'ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎɓɖɗɛɠɨɲɵʂʋəᗅᗷᑕᗪᗴᖴᘜᕼᒍᛕᒪᗰᑎᑭᖇᔕᑌᐯᗯ᙭',
    'acefghijkmrtvwybddeginosveabcdefghjklmnprsuvwx'
  ),
  -- Digits of other kinds.
  ('〇零一二三四五六七八九⓿⓵⓶⓷⓸⓹⓺⓻⓼⓽⚀⚁⚂⚃⚄⚅ᄅƐㄣϛㄥ', '00123456789012345678912345623457'),
  -- Punctuation.
  ('·•∙⋅‧・｡。．﹒․᛫⸱˙', '..............'),
  ('‐‑‒–—―−﹣－⁻⎯─━ー‘’ʼ′´', '--------------'''''''''''),
  ('“”„″«»‹›⁄∕／：﹕∶ː，、،', '""""<><>///::::,,,'),
  ('€£¥¢₿×✕✖✗☓➕＋❘│┃￨', '$$$$bxxxxx++||||')
) as pair (glyphs, folded)
cross join lateral generate_series(1, char_length(pair.glyphs)) as place
where octet_length(substr(pair.glyphs, place, 1)) > 1
on conflict do nothing;

-- Digits of every script: the code points of the zeros, and of the ones in filled circles.
insert into private.filter_characters (glyph, folded)
select
  chr(zero.code + digit) as glyph,
  digit::text as folded
from
  unnest(array[
    1632, 1776, 1984, 2406, 2534, 2662, 2790, 2918, 3046, 3174, 3302, 3430, 3558, 3664, 3792, 3872,
    4160, 4240, 6112, 6160, 6470, 6608, 6784, 6800, 6992, 7088, 7232, 7248, 42528, 43216, 43264,
    43472, 43504, 43600, 44016, 66720, 68912, 69734, 69872, 69942, 70096, 70384, 70736, 70864,
    71248, 71360, 71472, 71904, 72016, 72784, 73040, 73120, 92768, 92864, 93008, 118000, 123200,
    123632, 124144, 124401, 125264, 130032, 10101, 10111, 10121, 9460
  ]) as zero (code)
cross join generate_series(0, 9) as digit
-- The series of ones have no zero before them.
where digit > 0 or zero.code not in (9460, 10101, 10111, 10121)
on conflict do nothing;

-- Letters in filled signs, flags and tags of the alphabet.
insert into private.filter_characters (glyph, folded)
select
  chr(zero.code + letter) as glyph,
  chr(97 + letter) as folded
from unnest(array[127312, 127344, 127462]) as zero (code)
cross join generate_series(0, 25) as letter
on conflict do nothing;

insert into private.filter_characters (glyph, folded) values
('ß', 'ss'), ('æ', 'ae'), ('Æ', 'ae'), ('œ', 'oe'), ('Œ', 'oe'), ('ы', 'bl'), ('🔟', '10'),
('➉', '10'), ('❿', '10'), ('🅿', 'p'), ('🅰', 'a'), ('🅱', 'b'), ('🅾', 'o'), ('⭕', 'o'), ('❌', 'x'),
('📞', ' phone '), ('☎', ' phone '), ('📱', ' phone '), ('📲', ' phone '), ('☏', ' phone '),
('📧', ' email '), ('✉', ' email '), ('📩', ' email '), ('📨', ' email '), ('🏦', ' bank '),
('🕐', '1'), ('🕑', '2'), ('🕒', '3'), ('🕓', '4'), ('🕔', '5'), ('🕕', '6'), ('🕖', '7'),
('🕗', '8'), ('🕘', '9'), ('🎱', '8'), ('🥇', '1'), ('🥈', '2'), ('🥉', '3')
on conflict do nothing;

-- Marks that change no letter, and characters without a glyph.
insert into private.filter_characters (glyph, folded)
select
  chr(code) as glyph,
  '' as folded
from (
  values
  (173, 173), (768, 879), (1155, 1161), (1425, 1469), (1552, 1562), (1564, 1564), (1611, 1631),
  (1648, 1648), (4447, 4448), (6068, 6069), (6155, 6159), (6832, 6911), (7616, 7679), (8203, 8207),
  (8234, 8238), (8288, 8303), (8400, 8447), (12644, 12644), (65024, 65039), (65056, 65071),
  (65279, 65279), (65440, 65440), (65529, 65531), (127995, 127999), (917504, 917631),
  (917760, 917999)
) as span (low, high)
cross join lateral generate_series(span.low, span.high) as code
on conflict do nothing;

-- Everything that NFKD turns into ASCII, marks and the signs above.
insert into private.filter_characters (glyph, folded)
select
  compound.glyph,
  -- The column's collation is C.
  string_agg(lower(coalesce(known.folded, part.glyph)), '' order by part.n) as folded
from (
  select
    chr(code) as glyph,
    normalize(chr(code), nfkd) as parts
  from (
    values
    (160, 1423), (7424, 8591), (9312, 9471), (11360, 11391), (11744, 11775), (12288, 12351),
    (12880, 12991), (13169, 13311), (42560, 42655), (42786, 42999), (43824, 43887), (64256, 64262),
    (65040, 65131), (65281, 65518), (119808, 120831), (122880, 123000), (127232, 127487)
  ) as span (low, high)
  cross join lateral generate_series(span.low, span.high) as code
) as compound
cross join
  lateral
  string_to_table(compound.parts, null) with ordinality as part (glyph, n)
left join private.filter_characters as known on part.glyph = known.glyph
where compound.parts <> compound.glyph
group by compound.glyph
having bool_and(octet_length(part.glyph) = 1 or known.glyph is not null)
on conflict do nothing;

insert into private.filter_numerals (word, kind, value)
select
  word,
  list.kind,
  list.value
from (
  values
  ('digit', 'A', 'zero zeroes zro zerro zeero nought naught nil cero nul'),
  ('digit', 'a', 'o oh ohh ooh oo null owe ow'),
  ('digit', 'B', 'one wun wone onne uno eins'),
  ('digit', 'b', 'won un i l juan'),
  ('digit', 'C', 'two tew twoo zwei deux'),
  ('digit', 'c', 'to too tu tuu dos'),
  ('digit', 'D', 'three thre thrree tree free thri drei trois tres'),
  ('digit', 'E', 'four fower fourr foor vier quatre cuatro'),
  ('digit', 'e', 'for fore faw phor'),
  ('digit', 'F', 'five fife fivve faiv funf cinq cinco'),
  ('digit', 'G', 'six sicks siks sixx siz sechs'),
  ('digit', 'g', 'sex seis sics'),
  ('digit', 'H', 'seven sevn sevin sevven sieben siete'),
  ('digit', 'h', 'sept heaven'),
  ('digit', 'I', 'eight eigth eigh ait aight acht ocho'),
  ('digit', 'i', 'ate huit ayt'),
  ('digit', 'J', 'nine niner nein nien nyne nain neuf nueve neun'),
  ('digit', 'j', 'nun'),
  ('teen', 'BA', 'ten tenn'),
  ('teen', 'BB', 'eleven'),
  ('teen', 'BC', 'twelve twelv'),
  ('teen', 'BD', 'thirteen'),
  ('teen', 'BE', 'fourteen'),
  ('teen', 'BF', 'fifteen'),
  ('teen', 'BG', 'sixteen'),
  ('teen', 'BH', 'seventeen'),
  ('teen', 'BI', 'eighteen'),
  ('teen', 'BJ', 'nineteen'),
  ('ten', 'C', 'twenty'),
  ('ten', 'D', 'thirty'),
  ('ten', 'E', 'forty fourty'),
  ('ten', 'F', 'fifty'),
  ('ten', 'G', 'sixty'),
  ('ten', 'H', 'seventy'),
  ('ten', 'I', 'eighty'),
  ('ten', 'J', 'ninety ninty'),
  ('hundred', '', 'hundred hundreds hunnit'),
  ('plural', 'A', 'zeros ohs noughts'),
  ('plural', 'B', 'ones'),
  ('plural', 'C', 'twos'),
  ('plural', 'D', 'threes'),
  ('plural', 'E', 'fours'),
  ('plural', 'F', 'fives'),
  ('plural', 'G', 'sixes'),
  ('plural', 'H', 'sevens'),
  ('plural', 'I', 'eights'),
  ('plural', 'J', 'nines'),
  ('multiplier', '2', 'double dbl dubble doubl twice'),
  ('multiplier', '3', 'triple treble tripple trip'),
  ('multiplier', '4', 'quadruple quad'),
  ('filler', '', 'and then n dash hyphen space slash next followed by after um uh er umm uhh stop'),
  ('filler', '', 'comma gap pause dot point again plus afterwards lastly finally minus bar'),
  (
    'unit', '',
    'mm cm m km kms metre metres meter meters inch inches ft foot feet kg kgs kilo kilos g gm grams'
  ),
  (
    'unit',
    '',
    'l ltr litre litres ml v volt volts w kw watt watts a ah mah hz khz mhz ghz amp amps'
  ),
  (
    'unit',
    '',
    'gb tb mb gig gigs mp fps rpm hp nm kmh mph psi bar db lb lbs oz cc cbm sqm deg degrees'
  ),
  ('unit', '', 'am pm hr hrs hour hours min mins minute minutes sec secs second seconds day days'),
  (
    'unit', '', 'week weeks wk wks month months mth mths year years yr yrs yo k grand bucks dollars'
  ),
  (
    'unit',
    '',
    'dollar cents aud percent pct st nd rd th x pcs piece pieces people pack packs set sets'
  ),
  (
    'unit', '', 'jan feb mar apr jun jul aug sep sept oct nov dec january february march april june'
  ),
  ('unit', '', 'july august september october november december photos pics bids bidders watchers'),
  (
    'unit',
    '',
    'pages cards items boxes pairs stars seats seater piece burner speed drawer doors owners'
  )
) as list (kind, value, words) -- noqa: RF04
cross join lateral string_to_table(list.words, ' ') as word
on conflict do nothing;

insert into private.filter_words (word, class)
select
  word,
  list.class
from (
  values
  ('at_sign', '@'),
  ('at_word', 'arroba at att'),
  ('dot', '. d0t dot dott fullstop punto'),
  ('scheme', '://'),
  ('www', 'http https hxxp www'),
  ('tld', 'cm com comau conz couk net netau org orgau'),
  ('tight_tld', 'app au biz co com dev gg info io link ly me net nz online org shop site store'),
  ('tight_tld', 'tv uk xyz'),
  ('provider', 'bigpond fastmail geemail gmai gmail gmial googlemail hotmail hotmale icloudmail'),
  ('provider', 'iinet jeemail optusnet outlookmail protonmail rocketmail westnet yahoomail ymail'),
  ('weak_provider', 'aol dodo icloud internode live msn outlook proton tpg yahoo'),
  ('email_cue', 'address addy email emailme emails mail mails mailto'),
  ('phone_cue', 'bell buzz call callme cell dial digits fone mob mobile numba number numbr ph'),
  ('phone_cue', 'phone ring ringme sms tel telephone text textme txt'),
  ('id_cue', 'abn account article auction barcode batch bid bsb catalogue code consignment ean'),
  ('id_cue', 'edition firmware imei invoice isbn item listing lot model order part plate pn'),
  ('id_cue', 'product receipt ref reference rego serial set sku sn stock track tracking upc'),
  ('id_cue', 'version vin')
) as list (class, words) -- noqa: RF04
cross join lateral string_to_table(list.words, ' ') as word
on conflict do nothing;

insert into private.filter_rules (
  rule_version, rule, kind, pattern, gap, unless, weight, reason_code, stages
) values
(1, 'mobile', 'contact', '{mobile}', 0, null, 75, 'PHONE_NUMBER', '{strict,listing,name}'),
(1, 'landline', 'contact', '{landline}', 0, null, 75, 'PHONE_NUMBER', '{strict,listing,name}'),
(1, 'email', 'contact', '{at_sign,dot,tld}', 3, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}')
on conflict do nothing;

create function private.fold_text(p_text text)
returns private.folded_text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_folded private.folded_text;
begin
  if octet_length(p_text) = char_length(p_text) then
    v_folded.folded := lower(p_text collate "C");
    return v_folded;
  end if;
  select
    coalesce(string_agg(substr(letter.folded, place, 1), '' order by letter.n, place), ''),
    array_agg(letter.n order by letter.n, place)
  into v_folded.folded, v_folded.origins
  from (
    select
      part.n::integer as n,
      case
        when octet_length(part.glyph) = 1 then lower(part.glyph collate "C")
        else coalesce(known.folded, ' ')
      end as folded
    from string_to_table(p_text, null) with ordinality as part (glyph, n)
    left join private.filter_characters as known
      on octet_length(part.glyph) > 1 and known.glyph = part.glyph
  ) as letter
  cross join lateral generate_series(1, char_length(letter.folded)) as place;
  return v_folded;
end;
$$;

comment on function private.fold_text is 'Fold a text into lower-case ASCII as a reader sees it. Each character keeps its place in the original.';

create function private.spell_out(p_word text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_words constant text[] := array[
    'zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'oh'
  ];
  v_text text := p_word;
begin
  for v_n in 1..11 loop
    v_text := replace(v_text, v_words[v_n], chr(65 + (v_n - 1) % 10));
  end loop;
  return v_text;
end;
$$;

comment on function private.spell_out is 'Return a word that is made of number words, with a letter A to J for each.';

create function private.number_pieces(p_tokens private.filter_token[])
returns text[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    with token as (
      select
        part.n,
        part.word,
        part.gap,
        known.kind,
        known.value,
        translate(part.word, '0123456789', '') = '' as is_digits,
        lag(part.gap) over (order by part.n) as gap_before,
        lag(known.kind) over (order by part.n) as kind_before,
        lag(known.value) over (order by part.n) as value_before,
        lead(known.kind) over (order by part.n) as kind_after,
        lead(known.value) over (order by part.n) as value_after
      from unnest(p_tokens) as part
      left join private.filter_numerals as known on known.word = part.word
    )

    select array_agg(
      case
        when token.word = '' then '|'
        when token.is_digits
          then
            ' ' || repeat(
              token.word,
              case when token.kind_before = 'multiplier' then token.value_before::integer else 1 end
            )
            || case
              when
                left(token.word, 1) <> '0'
                and (token.kind_after = 'unit' or strpos(token.gap_before, '$') > 0)
                then '~'
              else ''
            end || ' '
        when token.kind = 'digit'
          then
            case
              when token.kind_after = 'plural' then ' '
              when token.kind_before = 'multiplier'
                then ' ' || repeat(token.value, token.value_before::integer) || ' '
              else ' ' || token.value || ' '
            end
        when token.kind = 'ten'
          then
            ' ' || token.value || case
              when token.kind_after = 'digit' and token.value_after between 'B' and 'J' then ''
              else 'A'
            end || ' '
        when token.kind = 'teen' then ' ' || token.value || ' '
        when token.kind = 'hundred' and token.kind_before is not null
          then
            case
              when token.kind_after in ('ten', 'teen') then ' '
              when token.kind_after = 'digit' then ' A '
              else ' AA '
            end
        when token.kind = 'plural' and token.kind_before = 'digit'
          then ' ' || repeat(token.value, ascii(upper(token.value_before)) - 65) || ' '
        when token.kind in ('filler', 'multiplier') then ' '
        when
          char_length(token.word) > 5
          and translate(token.word, 'zeroneightwfuvsx0123456789', '') = ''
          and token.word ~ '^(?:[0-9]|zero|oh|one|two|three|four|five|six|seven|eight|nine)+$'
          then ' ' || private.spell_out(token.word) || ' '
        when
          translate(token.word, '0123456789oqdilzeasgtb', '') = ''
          and translate(token.word, 'oqdilzeasgtb', '') <> ''
          then ' ' || translate(token.word, 'oqdilzeasgtb', '000112345978') || '~ '
        when translate(token.word, '0123456789', '') <> token.word
          then '|' || translate(token.word, 'abcdefghijklmnopqrstuvwxyz', repeat('|', 26)) || '|'
        else '|'
      end
      order by token.n
    )
    from token
  );
end;
$$;

comment on function private.number_pieces is 'Return for each word its digits between blanks, or a bar for a word that is no number. A tilde follows an amount.';

create function private.number_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_pieces constant text[] := private.number_pieces(p_tokens);
  v_starts integer[];
  v_text text := array_to_string(v_pieces, '');
  v_strict text;
begin
  if v_text !~ '[0-9A-Ja-j]' then
    return '{}';
  end if;
  v_starts := (
    select array_agg(place.start_at order by place.n)
    from (
      select
        piece.n,
        1 + coalesce(sum(char_length(piece.text)) over (
          order by piece.n rows between unbounded preceding and 1 preceding
        ), 0)::integer as start_at
      from unnest(v_pieces) with ordinality as piece (text, n)
    ) as place
  );
  v_text := ' ' || translate(v_text, 'ABCDEFGHIJ', '0123456789') || ' ';
  v_strict := translate(v_text, 'abcdefghij', '||||||||||');
  return private.phone_marks(v_strict, v_starts)
    || private.phone_marks(translate(v_text, 'abcdefghij', '0123456789'), v_starts);
end;
$$;

comment on function private.number_marks is 'Return the numbers of a text, each with the class of its shape.';

create function private.phone_marks(p_digits text, p_starts integer[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_classes constant text[] := '{mobile,landline,freecall}';
begin
  return private.shape_marks(
    p_digits, p_starts,
    '[ |~]('
    '(?:0[ ~]*0[ ~]*(?:1[ ~]*1[ ~]*)?)?6[ ~]*1[ ~]*(?:0[ ~]*)?4(?:[ ~]*[0-9]){8}'
    '|0[ ~]*4(?:[ ~]*[0-9]){8})[ |~]'
    '|[ |~]('
    '(?:0[ ~]*0[ ~]*(?:1[ ~]*1[ ~]*)?)?6[ ~]*1[ ~]*(?:0[ ~]*)?[2378](?:[ ~]*[0-9]){8}'
    '|0[ ~]*[2378](?:[ ~]*[0-9]){8})[ |~]'
    '|[ |~](1[ ~]*[38][ ~]*0[ ~]*0(?:[ ~]*[0-9]){6})[ |~]',
    v_classes
  );
end;
$$;

comment on function private.phone_marks is 'Return the full phone numbers in a text of pieces.';

create function private.shape_marks(
  p_digits text, p_starts integer[], p_pattern text, p_classes text[]
)
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_marks private.filter_mark[] := '{}';
  v_found text[];
  v_from integer := 1;
  v_place integer;
  v_n integer;
begin
  for v_found in select regexp_matches(p_digits, p_pattern, 'g') loop
    for v_n in 1..cardinality(p_classes) loop
      continue when v_found[v_n] is null;
      v_place := v_from - 1 + strpos(substr(p_digits, v_from), v_found[v_n]);
      v_from := v_place + char_length(v_found[v_n]);
      -- The text has one blank more in front than the pieces.
      v_marks := v_marks || (
        p_classes[v_n],
        2 * width_bucket(v_place - 1, p_starts),
        2 * width_bucket(v_from - 2, p_starts)
      )::private.filter_mark;
    end loop;
  end loop;
  return v_marks;
end;
$$;

comment on function private.shape_marks is 'Return the matches of a pattern, each with the class of its group and the words it covers.';

create function private.filter_tokens(p_folded text)
returns private.filter_token[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select
      array_agg(
        (piece.n, piece.word, piece.gap, piece.start_at, piece.start_at + char_length(piece.word))
        ::private.filter_token
        order by piece.n
      )
    from (
      select
        found.n::integer as n,
        found.parts[1] as word,
        found.parts[2] as gap,
        coalesce(sum(char_length(found.parts[1]) + char_length(found.parts[2])) over (
          order by found.n rows between unbounded preceding and 1 preceding
        ), 0)::integer as start_at
      from
        regexp_matches(p_folded, '([a-z0-9]*)([^a-z0-9]*)', 'g')
        with ordinality as found (parts, n)
    ) as piece
  );
end;
$$;

comment on function private.filter_tokens is 'Split a folded text into words of letters and digits, each with the separator after it. Only the first word may be empty.';

create function private.word_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    with piece as (
      select
        token.n,
        token.word,
        btrim(token.gap) as gap,
        lead(token.word) over (order by token.n) as second,
        lead(token.word, 2) over (order by token.n) as third,
        lead(token.word, 3) over (order by token.n) as fourth,
        translate(token.gap, ' .,-_/()[]', '') as symbol
      from unnest(p_tokens) as token
    )

    select array_agg((known.class, phrase.first, phrase.last)::private.filter_mark)
    from piece
    cross join lateral (
      values
      (piece.word, 2 * piece.n, 2 * piece.n),
      (nullif(piece.gap, ''), 2 * piece.n + 1, 2 * piece.n + 1),
      (piece.word || piece.second, 2 * piece.n, 2 * piece.n + 2),
      (piece.word || piece.second || piece.third, 2 * piece.n, 2 * piece.n + 4),
      (piece.word || piece.second || piece.third || piece.fourth, 2 * piece.n, 2 * piece.n + 6)
    ) as phrase (word, first, last)
    inner join private.filter_words as known on known.word = phrase.word
  );
end;
$$;

comment on function private.word_marks is 'Return the classes of words, of separators and of phrases of up to four words.';

create function private.rule_findings(
  p_tokens private.filter_token[], p_marks private.filter_mark[], p_stage text
)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    with mark as materialized (
      select distinct seen.class, seen.first, seen.last
      from unnest(p_marks) as seen
    ),

    rule as materialized (
      select candidate.*
      from private.filter_rules as candidate
      where candidate.active
        and p_stage = any(candidate.stages)
        and candidate.pattern <@ (select array_agg(mark.class::text) from mark)
    ),

    hit as (
      select distinct
        rule.rule,
        rule.reason_code,
        rule.weight,
        rule.unless,
        one.first,
        coalesce(four.first, three.first, two.first, one.first) as tail,
        coalesce(four.last, three.last, two.last, one.last) as last
      from rule
      inner join mark as one on one.class = rule.pattern[1]
      left join mark as two
        on two.class = rule.pattern[2]
        and two.first between one.last + 1 and one.last + 2 * rule.gap + 2
      left join mark as three
        on three.class = rule.pattern[3]
        and three.first between two.last + 1 and two.last + 2 * rule.gap + 2
      left join mark as four
        on four.class = rule.pattern[4]
        and four.first between three.last + 1 and three.last + 2 * rule.gap + 2
      where (two.class is not null)::integer + (three.class is not null)::integer
        + (four.class is not null)::integer + 1 = cardinality(rule.pattern)
    )

    select array_agg((
      hit.rule, hit.reason_code, hit.weight,
      p_tokens[greatest(hit.first / 2, 1)].start_at,
      p_tokens[hit.last / 2].end_at
    )::private.filter_finding)
    from hit
    where not exists (
      select from mark
      where mark.class = hit.unless and mark.last between hit.first - 8 and hit.tail - 1
    )
  );
end;
$$;

comment on function private.rule_findings is 'Return the rules of a stage that fit the marks, each with its span in the folded text.';

create function private.filter_findings(p_text text, p_stage text)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_folded constant private.folded_text := private.fold_text(p_text);
  v_tokens constant private.filter_token[] := private.filter_tokens(v_folded.folded);
  v_findings private.filter_finding[];
begin
  v_findings := private.rule_findings(
    v_tokens, private.word_marks(v_tokens) || private.number_marks(v_tokens), p_stage
  );
  if v_folded.origins is null then
    return v_findings;
  end if;
  return (
    select array_agg((
      hit.rule, hit.reason_code, hit.score,
      v_folded.origins[hit.start_at + 1] - 1, v_folded.origins[hit.end_at]
    )::private.filter_finding)
    from unnest(v_findings) as hit
  );
end;
$$;

comment on function private.filter_findings is 'Return the rules that a text breaks at a stage, with the spans in the text as it was written.';

create function private.filter_message(p_text text, p_earlier text[], p_stage text)
returns private.filter_verdict
language plpgsql
stable
set search_path = ''
as $$
declare
  v_whole constant text := array_to_string(p_earlier || p_text, E'\n');
  v_start constant integer := char_length(v_whole) - char_length(p_text);
  v_findings private.filter_finding[];
  v_verdict private.filter_verdict;
begin
  v_findings := array(
    select hit
    from unnest(private.filter_findings(v_whole, p_stage)) as hit
    where hit.end_at > v_start
  );
  v_verdict.findings := private.message_spans(v_findings, p_earlier || p_text);
  v_verdict.score := coalesce((select max(hit.score) from unnest(v_findings) as hit), 0);
  v_verdict.reason_codes := array(
    select distinct hit.reason_code from unnest(v_findings) as hit order by 1
  );
  v_verdict.action := private.action_of_score(v_verdict.score);
  v_verdict.masked := case
    when v_verdict.action in ('mask', 'hold') then private.masked_text(p_text, v_verdict.findings)
    else p_text
  end;
  v_verdict.rule_version := (
    select max(rules.rule_version) from private.filter_rules as rules where rules.active
  );
  return v_verdict;
end;
$$;

comment on function private.filter_message is 'Judge a message after its sender''s earlier messages to the same person, oldest first. Stage strict hides contact and payment details. Stage order hides payment details alone.';

create function private.action_of_score(p_score integer)
returns public.filter_action
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when p_score >= private.setting('filter_hold')::integer then 'hold'
    when p_score >= private.setting('filter_mask')::integer then 'mask'
    when p_score >= private.setting('filter_warn')::integer then 'warn'
    else 'allow'
  end::public.filter_action;
end;
$$;

comment on function private.action_of_score is 'Return the action that the settings name for a score.';

create function private.message_spans(p_findings private.filter_finding[], p_messages text[])
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    with message as (
      select
        part.n,
        coalesce(sum(char_length(part.text) + 1) over (
          order by part.n rows between unbounded preceding and 1 preceding
        ), 0)::integer as start_at,
        char_length(part.text) as length
      from unnest(p_messages) with ordinality as part (text, n)
    )

    select coalesce(jsonb_agg(
      jsonb_build_object(
        'rule', hit.rule,
        'reason_code', hit.reason_code,
        'score', hit.score,
        'start', greatest(hit.start_at - message.start_at, 0),
        'end', least(hit.end_at - message.start_at, message.length),
        'message', cardinality(p_messages) - message.n
      ) order by hit.score desc, hit.start_at, hit.rule, message.n desc
    ), '[]')
    from unnest(p_findings) as hit
    inner join message
      on hit.start_at < message.start_at + message.length and hit.end_at > message.start_at
  );
end;
$$;

comment on function private.message_spans is 'Return findings of joined messages as JSON, split by message. Message 0 is the last one.';

create function private.masked_text(p_text text, p_findings jsonb)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_mask constant integer := private.setting('filter_mask')::integer;
  v_text text := p_text;
  v_found jsonb;
begin
  for v_found in select jsonb_array_elements(p_findings) loop
    continue when (v_found ->> 'message')::integer > 0 or (v_found ->> 'score')::integer < v_mask;
    v_text := overlay(
      v_text placing repeat('▇', (v_found ->> 'end')::integer - (v_found ->> 'start')::integer)
      from (v_found ->> 'start')::integer + 1
    );
  end loop;
  return v_text;
end;
$$;

comment on function private.masked_text is 'Return a message with the mask character in place of each hidden span.';

alter table private.filter_characters enable row level security;

alter table private.filter_words enable row level security;

alter table private.filter_numerals enable row level security;

alter table private.filter_rules enable row level security;
