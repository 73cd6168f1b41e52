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
  ('авсеһіјкмнорѕтухзчбүұԍԛԝѵӏгґьылпдицшщюєэфжғԁ', 'abcehijkmhopstyx346yygqwvlrrbblnduywwueeoxfd'),
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
('🕗', '8'), ('🕘', '9'), ('🎱', '8'), ('🥇', '1'), ('🥈', '2'), ('🥉', '3'),
('👻', ' ghostsnap '), ('扣', 'q'),
-- WeChat and KakaoTalk in their own scripts.
('微', 'wei'), ('薇', 'wei'), ('威', 'wei'), ('信', 'xin'), ('카', 'ka'), ('오', 'o'), ('톡', 'talk')
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
