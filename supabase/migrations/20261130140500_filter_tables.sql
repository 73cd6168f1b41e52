-- This migration creates the tables of the message filter, and writes the characters, numerals,
-- words and rules in them. Only migrations change these rows.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Filter: tables.

create table private.filter_characters (
  glyph text collate "C" not null,
  folded text collate "C" not null,
  constraint filter_characters_pkey primary key (glyph)
);
comment on table private.filter_characters is 'Non-ASCII characters, with the ASCII text that a reader takes each for. An invisible character has an empty text. A character without a row separates words.';

create table private.filter_words (
  word text collate "C" not null,
  class text collate "C" not null,
  constraint filter_words_pkey primary key (word, class)
);
comment on table private.filter_words is 'Words and phrases of the message filter, each with a class that rules name. A phrase stands without its spaces. A row of punctuation is a separator.';

create index filter_words_class_idx on private.filter_words (class);

create table private.filter_numerals (
  word text collate "C" not null,
  kind text collate "C" not null,
  value text collate "C" not null default '',
  constraint filter_numerals_pkey primary key (word),
  constraint filter_numerals_kind_is_known check (
    kind in ('digit', 'ten', 'teen', 'hundred', 'plural', 'multiplier', 'filler', 'unit')
  )
);
comment on table private.filter_numerals is 'Words that write numbers, connect digits or follow an amount. A value has A to J for the digits 0 to 9, or a to j if the word has another common meaning.';

create table private.filter_rules (
  rule_version integer not null,
  rule text collate "C" not null,
  kind text collate "C" not null,
  pattern text[] not null,
  gap integer not null default 0,
  unless text collate "C",
  weight integer not null,
  reason_code text collate "C" not null,
  stage text[] not null,
  active boolean not null default true,
  unless_near text collate "C",
  constraint filter_rules_pkey primary key (rule_version, rule),
  constraint filter_rules_kind_is_known check (kind in ('contact', 'payment', 'proposal')),
  constraint filter_rules_pattern_is_short check (cardinality(pattern) between 1 and 4),
  constraint filter_rules_weight_is_a_score check (weight between 0 and 100)
);
comment on table private.filter_rules is 'Rules of the message filter. A rule finds the classes of its pattern in this order, with at most gap words between two. A mark of the class unless before it or inside it voids it, and so does a mark of the class unless_near on either side, each within four words of the same clause. Only migrations change rules.';

create type private.filter_token as (
  n integer, word text, gap text, gap_before text, next_gap text, next_word text,
  second text, third text, fourth text
);
comment on type private.filter_token is 'A word of a folded text: its number, the separator after it, its neighbours, and up to three next words that may be of the same phrase.';

create type private.filter_mark as (class text, first integer, last integer);
comment on type private.filter_mark is 'A class that stands at a span of words. Word n has position 2n, and the separator after it 2n + 1.';

create type private.placed_mark as (class text, first integer, last integer, clause integer);
comment on type private.placed_mark is 'A mark with the number of the clause in which it stands.';

create type private.rule_hit as (
  rule text, kind text, reason_code text, weight integer, unless text, unless_near text,
  clause integer, last_clause integer, first integer, last integer, span_first integer,
  span_last integer
);
comment on type private.rule_hit is 'A place at which a rule fits: its first and last position, their clauses, and the span to hide.';

create type private.folded_text as (folded text, origins integer []);
comment on type private.folded_text is 'A text in lower-case ASCII, with the place in the original of each character, or null if they are the same.';

create type private.filter_finding as (
  rule text, reason_code text, score integer, start_at integer, end_at integer, kind text
);
comment on type private.filter_finding is 'A rule that fits, with its span in the text: the first character, and the one after the last. The first character has number 0.';

create type private.filter_verdict as (
  action public.filter_action,
  score integer,
  reason_codes text [],
  findings jsonb,
  masked text,
  rule_version integer
);
comment on type private.filter_verdict is 'The action about a message, with the reasons for staff and the text that the recipient may read.';

-- Filter: characters.

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

-- Filter: numerals.

insert into private.filter_numerals (word, kind, value)
select
  word,
  list.kind,
  list.value
from (
  values
  ('digit', 'A', 'zero zeroes zro zer nort zerro zeero nought naught nil cero nul oh'),
  ('digit', 'a', 'o ohh ooh oo null owe ow'),
  ('digit', 'B', 'one wun wone onne uno eins'),
  ('digit', 'b', 'won wan un i l juan'),
  ('digit', 'C', 'two tew twoo zwei deux'),
  ('digit', 'c', 'to too tu tuu dos z'),
  ('digit', 'D', 'three thre thrree drei trois tres'),
  ('digit', 'd', 'tree free thri'),
  ('digit', 'E', 'four fower fourr foor vier quatre cuatro'),
  ('digit', 'e', 'for fore faw phor'),
  ('digit', 'f', 's'),
  ('digit', 'F', 'five fife fivve faiv fiv fyv funf cinq cinco'),
  ('digit', 'G', 'six sicks siks sixx siz sechs'),
  ('digit', 'g', 'sex seis sics'),
  ('digit', 'H', 'seven sevn sevin sevan sevven sieben siete'),
  ('digit', 'h', 'sept heaven'),
  ('digit', 'I', 'eight eigth eit eigt eigh ait aight acht ocho'),
  ('digit', 'i', 'ate huit ayt b'),
  ('digit', 'J', 'nine niner nein nien nyne nain neuf nueve neun'),
  ('digit', 'j', 'nun g'),
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
    'dollar cents aud percent pct st nd rd th pcs piece pieces people pack packs set sets'
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
) as list (kind, value, words)
cross join lateral string_to_table(list.words, ' ') as word
on conflict do nothing;

-- Filter: words.

insert into private.filter_words (word, class)
select
  word,
  list.class
from (
  values
  ('at_sign', '(@) @ [@] atsign atsymbol emailsign emailsymbol'),
  ('colon', '-> : :- = => > >>'),
  ('at_word', 'arroba at att'),
  ('dot', '. d0t doot dot dotcom2 dott fullstop point punkt punto'),
  ('scheme', '://'),
  ('www', 'http https hxxp www'),
  ('tld', 'c0m com comau conz couk cum kom net netau org orgau'),
  ('tight_tld', 'app au biz cc co com dev ee example gg id info io link ly me net nz online org'),
  ('tight_tld', 'shop site store test to tv uk xyz'),
  ('provider', 'bigpond bigpondmail fastmail gamil geemail geemale gemail gmai gmail gmaildot'),
  ('provider', 'gmaill gmale gmeil gmial gmil googlemail hotmai hotmail hotmaildot hotmale'),
  ('provider', 'hotmial htmail icloudmail iinet jeemail jeemale livemail optusnet outlookmail'),
  ('provider', 'protonemail protonmail rocketmail westnet yahoomail ymail'),
  ('provider_safe', 'gmailaccount gmailapp gmaillogin gmailnotifications hotmailaccount'),
  ('weak_provider', 'aapt aol applemail bigpondcom dodo google icloud internode live msn optus'),
  ('weak_provider', 'outlook proton telstra tpg yahoo'),
  ('email_cue', 'addy eemail email emailaddress emailme emails inbox mail mails mailto'),
  ('person', 'hubby husband i id im ive lets me mine my myself our u ur us we wife you your'),
  ('person', 'yours'),
  ('device', 'appstore bag compatible download downloaded facebookmarketplace fbmarketplace'),
  ('device', 'instalight install installed installing instapot loaded logged login notification'),
  ('device', 'notifications playstore poster preinstalled run running runs screen sideload sign'),
  ('device', 'smartwatch support supported supports tablet viberating'),
  ('my', 'business her his hubbys husbands me mine my our ur wifes your'),
  ('phone_cue', 'bell bellme buzz call callme callon callus cell contact contactme contactnumber'),
  ('phone_cue', 'dial digits fon fone holler homenumber landline mob mobile mobilenumber msg'),
  ('phone_cue', 'mynum mynumber num numba numbr ournumber ph phone phonenumber reach reachme'),
  ('phone_cue', 'ring ringme ringon shout sms smsme tel telephone text text2 textme txt txtme'),
  ('phone_cue', 'worknumber yell'),
  ('id_cue', 'aramex couriersplease dhl fastway fedex tnt'),
  ('id_cue', 'acn article asset auspost barcode batch casting catalogue chassis claim code'),
  ('id_cue', 'compliance consignment docket ean engine firmware id imei invoice isbn item label'),
  ('id_cue', 'licence license listing lot member membership model modelno order orderid'),
  ('id_cue', 'ordernumber parcel partno partnumber plate pn po policy product receipt ref'),
  ('id_cue', 'reference rego sendle serial serialno set sku sn stamped startrack stock tag'),
  ('id_cue', 'ticket track tracked trackednumber tracking upc version vin warranty'),
  ('number_cue', 'areacode begin begins bit digit digits end ending ends first front half last'),
  ('number_cue', 'middle next number oh4 order part pop prefix remainder remaining rest start'),
  ('number_cue', 'starts stick then zeroinfront'),
  ('zero_cue', '0atthefront 0atthestart 0before 0first 0infront 0onthefront add0 adda0 addazero'),
  ('zero_cue', 'addzero anohinfront anought aussieprefix azero beginswithzero dropthezero'),
  ('zero_cue', 'leadingzero missinga0 missingthezero missingzero noughtfirst noughtinfront'),
  ('zero_cue', 'noughttobegin ohinfront plus61 put0 putazero startswithzero usualprefix'),
  ('zero_cue', 'usualzero withazero withzero zeroatthefront zeroatthestart zerobefore zerofirst'),
  ('zero_cue', 'zeroinfront zeroonthefront zerotobegin zerotostart'),
  ('backwards_cue', 'backtofront backward backwards endtostart flip flipped mirror mirrored'),
  ('backwards_cue', 'reverse reversed righttoleft sdrawkcab'),
  ('landline_cue', 'adelaide afterhours areacode brisbane brissy homephone landline melb'),
  ('landline_cue', 'melbourne perth shopphone sydney workphone'),
  ('app', 'blueapp bookoffaces botim discord facebk facebok facebook facebookmessenger facebuk'),
  ('app', 'facetime facey fb fbmessenger fbook gotsignal greenapp greenchatapp hangouts ig'),
  ('app', 'imessage insta instagram instagran instagrm instgram kakao kakaotalk lineid linkedin'),
  ('app', 'linkedln linktr linktree messengerapp onsignal papertplane signalapp skype snapchap'),
  ('app', 'snapchat telagram teleg telegram telegramm telegraph2 telegrm thebookoffaces thegram'),
  ('app', 'threema tiktok truecaller twitter usesignal viasignal viber vibr wapp wassap wassapp'),
  ('app', 'wassup4 watsap watsapp wattsapp watzapp wazap wazzap weixin whatapp whatsaap whatsap'),
  ('app', 'whatsapp whatsappp whatsup whatzapp whazzapp whtsap whtsapp wickr wotsap wotsapp'),
  ('app', 'wozap wzap zalo zuckapp ~fcbc ~msngr ~nstgrm ~snpct ~tlgrm ~wtsp ~wtspp ~wtsppp'),
  -- Telegram, WhatsApp and Viber in Cyrillic, and KakaoTalk in Korean, as they are folded. Only one
  -- word is such a name: "bat can" is none.
  ('app', '=batcan =bau6ep =botcan =katalk =telerpam'),
  ('weak_app', 'dm kik mesenger messanger messenger msgr reddit signal snap tele tg wa wechat'),
  ('app_safe', 'facebookmarketplace fbmarketplace gumtreead marketplaceonfacebook messengerbag'),
  ('app_safe', 'messengerbags signalstrength snapfit snaplock snapon viberating wassup whatsup'),
  ('app_safe', 'whatsupwith'),
  ('seen', 'ad ads advert advertised bought cheaper going listed marketplace paid posted saw'),
  ('seen', 'seen selling sold'),
  ('on', 'by in on onto ova over through thru to use using via'),
  ('have', 'got has have hv install into use usin using'),
  ('talk', 'add buzz call catch chat connect contact continue discuss dm find follow go hit hmu'),
  ('talk', 'hop inbox jump lets message move msg ping pm reach send speak swap switch take talk'),
  ('talk', 'text'),
  ('findme', 'addme addus callme contactme dmme findme findus followme followus friendrequest'),
  ('findme', 'hitme hitmeup hmu lookfor lookmeup lookup lookusup messageme messageus msgme'),
  ('findme', 'mypage mypages myprofile ourpage pmme reachme search searchfor searchme textme'),
  ('handle_cue', 'called channel handle name names nick nickname profile under user userid'),
  ('handle_cue', 'username usernames'),
  ('is', 'add as called handle id is name named search tag under username'),
  ('give', 'chuck drop exchange flick gimme giv give giveme giving pass send share shoot swap'),
  ('call_noun', 'bel bell buzz call details digits email num number ring shout sms text tingle'),
  ('call_noun', 'tinkle txt'),
  ('call_me', 'bellme buzzme callme callmyself callus callyou canitext dialme emailme emailus'),
  ('call_me', 'givemeacall itextyou mailme mesage2 phoneme ringme ringmyphone ringus ringyou'),
  ('call_me', 'smsme textme textmyphone textus txtme'),
  ('call_safe', 'callmecrazy callmedumb callmefussy callmeold callmeparanoid callmepicky'),
  ('call_safe', 'callmestupid callmewhat'),
  ('your_number', 'acontactnumber amobilenumber anemailaddress anumberi anumberto anumberyou'),
  ('your_number', 'aphonenumber bestcontact bestemail bestnumber bestphone bytext contactdetails'),
  ('your_number', 'contactinfo directline directnumber exchangenumbers fonenumba fonenumber'),
  ('your_number', 'getyouon havecontact holdofyou mobileno mobilenumber mobileplease mobilepls'),
  ('your_number', 'mobno mobnumber mycell mycontact mydigits myemail myemailaddress mymob'),
  ('your_number', 'mymobilenumber mynum mynumba mynumber myphonenumber needyournumber'),
  ('your_number', 'numberplease numberpleasemate numberpls personalemail personalnumber phno'),
  ('your_number', 'phonecall phonechat phoneno phonenum phonenumba phonenumberplease'),
  ('your_number', 'phonenumberpls swapnumbers swappingnumbers theirnumber thephonenumber'),
  ('your_number', 'urdetails urdigits uremail urfone urmob urmobileno urmobilenumber urnum'),
  ('your_number', 'urnumber urphonenumber viatext yourcell yourcontact yourcontactdetails'),
  ('your_number', 'yourcontacts yourdetails yourdigits youremail youremailaddress yourfone'),
  ('your_number', 'yourmob yourmobileno yourmobilenumber yourmobilenumberplease yournum'),
  ('your_number', 'yournumba yournumber yournumberplease yourphoneno yourphonenumber'),
  ('your_number', 'yourwhatsapp'),
  ('elsewhere', 'anotherapp anotherway differentapp elsewhere offchat offline offthechat'),
  ('elsewhere', 'otherapp otherwayto outsidethechat somewhereelse thirdparty'),
  ('outside', 'around away bypass ditch forget leave off outside outta skip without'),
  ('site', 'app apps auction auctions aussiemarket checkout here listing marketplace platform'),
  ('site', 'site system thesite webpage website'),
  ('offsite', 'anotherapp awayfromhere awayfromthesite behindthescenes betweenourselves'),
  ('offsite', 'betweenus betweenyouandi betweenyouandme brotobro buydirect buyitdirect'),
  ('offsite', 'circumvent cutoutthemiddleman cutthemiddleman dealdirect dealdirectly'),
  ('offsite', 'differentapp directdeal directlytome directlytoyou directlywithme directlywithyou'),
  ('offsite', 'directsale directtome directtoyou directwithme directwithyou doitprivately'),
  ('offsite', 'facetoface2 handshakedeal justusually middleman middlemen moneyinhand'),
  ('offsite', 'nocommission nomiddleman notinvolve notthroughhere notviahere nowebsite offapp'),
  ('offsite', 'offhere offmarket offplatform offsite offtheapp offthebook offthebooks offthegrid'),
  ('offsite', 'offtheplatform offtheradar offthesite onthequiet onthesly otherapp outsideebay'),
  ('offsite', 'outsidehere outsideofhere outsideofthesite outsidetheapp outsidetheplatform'),
  ('offsite', 'outsidethesite paydirect privatearrangement privatedeal pullthead pullthelisting'),
  ('offsite', 'selldirect sellprivately sendthemoney sidechannel sidedeal sidestep takeaddown'),
  ('offsite', 'taketheaddown takethelistingdown underthetable usinganotherapp usprivately'),
  ('offsite', 'withoutgoingthrough withouttheapp withouttheircut withouttheirfees withoutthem'),
  ('offsite', 'withoutthesite'),
  ('avoid', 'around avoid avoiding beat bypass bypassing cut cutting ditch dodge dodging eats'),
  ('avoid', 'escape evade less lose losing minus pocket rid save saves saving skip skipping'),
  ('avoid', 'split stops without'),
  ('fee', 'commission commissions cut fee fees percent surcharge'),
  ('fee_safe', 'booking courier delivery entry freight late membership parking postage rego'),
  ('fee_safe', 'shipping'),
  ('deal', 'arrange buy buying chat complete conduct conducting deal do done finish go handle'),
  ('deal', 'negotiate pay purchase sale sell selling settle sort speak talk trade transact'),
  ('deal', 'transaction transactions transfer'),
  ('direct', 'direct directly offline outside private privately'),
  ('direct_safe', 'carrier courier directdrive directflight directfrom directinjection'),
  ('direct_safe', 'directpost directsunlight driver freight postie ship shipped shipping'),
  ('cancel', 'cancel cancelit cancelled cancelling close delist end endit killit pull pullit'),
  ('cancel', 'remove takedown takeitdown withdraw'),
  ('cash', 'ca$h cash cashie cashies cheque cheques envelope moneyorder'),
  ('cash_safe', 'cashadvance cashback cashbox cashconverters cashcow cashdrawer cashed cashflow'),
  ('cash_safe', 'cashmere cashregister cashtin johnnycash paidcash petrycash pettycash'),
  ('pay_app', 'afterpay alipay applecash beamit beem beemit bpay cashap cashapp cashtag'),
  ('pay_app', 'friendsandfamily googlepay klarna moneygram moneygrams osco osk0 osko paeid paiid'),
  ('pay_app', 'papal pay1d payadee payaydee paybal payeyed payeyedea payeyedee payid'),
  ('pay_app', 'payidaddress payidee payidnumber payids payidto payied payindee payld payoneer'),
  ('pay_app', 'paypal paypall paypel paypie payplal payppal paywise payyid peeid peyid pid2 pyid'),
  ('pay_app', 'pypal remitly revolut skrill stripelink transferwise venmo wechatpay wepay'),
  ('pay_app', 'westernunion wiseapp worldremit zelle zippay'),
  ('pay_safe', 'papalblessing pypalm telegraph westernuniontelegraph'),
  ('bank', 'accname accountdetails acctname bank2bank bankaccountdetails bankdeets bankdep'),
  ('bank', 'bankdeposit bankdetails bankinfo bankingdetails bankinginfo banktfr banktobank'),
  ('bank', 'banktrans banktransfer banktransfers bankwire bankxfer bsb bsbnumber btfr btransfer'),
  ('bank', 'byotherbankaccount commbank directcredit directdebit directdeposit directtransfer'),
  ('bank', 'eft electronictransfer iban inmybankaccount instanttransfer internetbanking'),
  ('bank', 'intomyaccount intomybank intomybankaccount intoyouraccount intoyourbank'),
  ('bank', 'mybankdetails netbank nppp onlinetransfer payyourbank straighttomybank swiftbic'),
  ('bank', 'swiftcode toabankaccount tomyaccount tomybank toyouraccount toyourbank'),
  ('bank', 'transferthemoney urbankaccount wireit wireme wirethe wirethemoney wiretransfer'),
  ('bank', 'wireyou youraccountdetails yourbankaccount yourbankdetails'),
  ('bank_safe', 'wirebrush wireless'),
  ('bank_name', 'anz bankwest bendigo cba commbank commonwealth ing ingdirect macquarie nab'),
  ('bank_name', 'stgeorge suncorp ubank upbank westpac'),
  ('account_cue', 'ac acc accno accnumber account accountno accountnumber accounts acct acctno'),
  ('account_cue', 'acctnumber ackount acount bankacc bankaccount'),
  ('bsb', 'beeesbee beeessbee besb bisb bsb bsbcode bsbno bsbnumber bssb'),
  ('abn', 'abn abnnumber'),
  ('pay', 'deposit dollars dough fix funds money paid pay payable payee paying payment payments'),
  ('pay', 'payto remit send sending settle transfer transferring'),
  ('pay_verb', 'accept by do fine for good in instead ok okay pay paying payment payments prefer'),
  ('pay_verb', 'preferred send settle take through use using via want with'),
  ('crypto', 'binance bitcoin bitcoins btc btcs coinbase crypto cryptocurrency doge dogecoin'),
  ('crypto', 'erc20 eth ethereum litecoin metamask monero sats solana tether trc20 trx usdc usdt'),
  ('crypto', 'xrp'),
  ('gift', 'amazoncard amazoncards amazongiftcard amazonvoucher applecards applegiftcard'),
  ('gift', 'applegiftcards colesgiftcard giftcard giftcards giftcode giftcodes giftvoucher'),
  ('gift', 'giftvouchers googlecards googleplay googleplaycard googleplaycards itunes itunescard'),
  ('gift', 'itunescards neosurf neosurfvoucher playstationcard playstationcards playvoucher'),
  ('gift', 'playvouchers prepaidcard prepaidcards prepaidvisa prepaidvisacards prezzee psncard'),
  ('gift', 'psncards razergold redeemcode redeemcodes steamcard steamcards steamgiftcard'),
  ('gift', 'vanillacard vanillaprepaid visacard visacards visagift visagiftcard voucher vouchers'),
  ('gift', 'woolies woolworthsgiftcard xboxcard xboxcards'),
  ('neg', 'against arent avoid avoiding cannot cant didnt doesnt donot dont insteadof isnt nah'),
  ('neg', 'neither never no nor not refuse without wont wouldnt'),
  ('positive', 'donthave dontmind dontneed dontuseebay dontworry ifnot letsnotinvolve mobileno'),
  ('positive', 'mymobileno nocommission nodrama nodramas nofee nofees nohassle nohurry noissue'),
  ('positive', 'noissues nomiddleman noneed noproblem noreason norush noscam nostress'),
  ('positive', 'notabigdeal notascam notfussed notinvolve notsure notthroughhere notusethesite'),
  ('positive', 'notviahere nowebsite noworries phoneno urmobileno whydont whynot withoutebay'),
  ('positive', 'withoutgoingthrough withouttheapp withouttheircut withouttheirfees withoutthem'),
  ('positive', 'withoutthesite wouldntit yourmobileno yourphoneno'),
  ('whynot', 'whydont whynot'),
  ('glued', 'banktransfer bigpond bitcoin facebook giftcard gmail googlemail hotmail instagram'),
  ('glued', 'payid paypal snapchat telegram watsapp westernunion whatsap whatsapp'),
  ('reversed', 'atsni diyap dnopgib eerht elibom enin eno enohp evif koobecaf kooltuo lapyap'),
  ('reversed', 'liamg liamtoh margatsni margelet moc oohay orez owt ppastahw rebmun ruof'),
  ('reversed', 'tahcpans thgie xis'),
  ('linkhost', 'beacons bit bitly calendly carrd discord facebook fb forms goo ig instagram'),
  ('linkhost', 'linktr linktree m messenger snapchat t telegram tiktok tinyurl wa youtu youtube2'),
  ('social_host', 't.me wa.me'),
  ('name_word', 'bigpond facebook gmail hotmail http https icloud insta instagram messenger'),
  ('name_word', 'payid paypal protonmail snapchat telegram viber wechat whatsapp www yahoo'),
  ('path_tld', 'ai be cn de eu fr gl gle id im in jp me page ru to us'),
  ('comma', ','),
  ('com', 'com comau'),
  ('to', 'for into onto to'),
  ('payid', 'payeyedee payid payidaddress payidee payidnumber payids payyid pyid'),
  ('place_cue', 'based collect collection inspect inspection live located meet pick pickup'),
  ('place_cue', 'pickups'),
  ('crypto_safe', 'antminer book gpu ledger miner miners mining rig trezor wallet'),
  ('com_safe', 'com1 complete completely'),
  ('slash', 'slash'),
  ('network', 'airtasker bluesky bookoffaces bsky carousell depop disc epicgames etsy fortnite'),
  ('network', 'gamertag github googlechat gram gumtree hashtag icq insta kik mastodon messenger'),
  ('network', 'minecraft myspace patreon pinterest poshmark psn reddit roblox sc snap steam'),
  ('network', 'strava teams thegram twitch vinted wechat xbox youtube'),
  ('remit', 'moneygram remitly westernunion worldremit'),
  ('remit_cue', 'mtcn name receiver recipient to'),
  ('eth_tld', 'eth'),
  ('wallet_cue', 'addr address wallet'),
  ('code', 'code codes digits expiry number numbers photo photos pin pins scratch'),
  ('use_word', 'bother go need on tell through trust use using via'),
  ('checkout', 'app checkout platform site website'),
  ('instead', 'insteadof ratherthan'),
  ('hand', 'bring drop give hand meet pay slip'),
  ('money', 'bucks cash dosh money notes pineapples'),
  ('call_thing', 'landline mob mobile num number'),
  ('call_verb', 'call reach ring sms text'),
  ('find', 'check find google hunt look lookup search'),
  ('names', 'name names'),
  ('common', 'a about above accept account across actual actually add after afternoon again'),
  ('common', 'against age ago agree ah ahead album all allow almost alone along already alright'),
  ('common', 'also although always am amazing an and another any anybody anyone anything anytime'),
  ('common', 'anyway anywhere apart app apparently apps are area aren arent around arrive arvo'),
  ('common', 'as asap ask asked asking at attached auction aussie australia available away'),
  ('common', 'awesome baby back bad bag barely based bath bc be beach bean beautiful because'),
  ('common', 'been before behind being believe below beside best better between bid bidder'),
  ('common', 'bidding bids big bike bit bits black bloke blue board boat bonnet book books boot'),
  ('common', 'both bottom bought box boxes boy brand break brilliant bring bro broke broken'),
  ('common', 'brother brought brown bruh btw buddy build building built bump bunch business busy'),
  ('common', 'but buy buyer buying by cabinet cable call calls came camera can cant car card'),
  ('common', 'care careful case cash catch cause cb certain chain chair chance change charge'),
  ('common', 'charger chat chats cheap cheaper check checked checking cheers chip chips city'),
  ('common', 'class clean clear close closed clothes club coast coffee cold collect colour come'),
  ('common', 'comes coming comment common company compare complete condition confirm consider'),
  ('common', 'contact cool copy corner correct cos cost costs could couldn couldnt couple course'),
  ('common', 'cover coz crack cracked cracks crazy credit cut cya d dad daily damage damaged'),
  ('common', 'dark date daughter day days deal dealer dear deep delivered delivery dent dents'),
  ('common', 'deposit describe description design desk detail details did didn didnt die diff'),
  ('common', 'difference different dining directly dirty discount display do does doesn doesnt'),
  ('common', 'dog doing dollars don done dont door double doubt down drive driver drop due dunno'),
  ('common', 'during dust each earlier early easier easily easy either else em email empty end'),
  ('common', 'ended ending ends engine enjoy enough entire especially etc even evening ever'),
  ('common', 'every everybody everyone everything exact exactly except excited expect expected'),
  ('common', 'extra eye fabric face fact fair fairly family far fast father fault faulty'),
  ('common', 'favourite feel feels fees fella few final finally find fine finish finished fit'),
  ('common', 'fits five fix fixed floor follow for forget forgot form forward found four frame'),
  ('common', 'free fresh friday friend friendly friends from front full fun funny further fyi'),
  ('common', 'game garage garden gday gear gen gents genuine get gets getting gift girl girls'),
  ('common', 'give given gives glad glass go goes going gold gone gonna good got gotta grab'),
  ('common', 'great green grey ground group guess guy guys had hadn haha half hall hand handle'),
  ('common', 'hands handy happen happened happy hard has hasn hasnt hat have haven havent having'),
  ('common', 'he head heaps hear heard heat heavy hehe hello help her here heres hers hes hey hi'),
  ('common', 'high him his hit hiya hm hold hole home honest honestly hope hoping hot hour hours'),
  ('common', 'house how however hows huge hurt husband i id idea idk if ill im imo in included'),
  ('common', 'includes including indeed info inside install installed instead interest'),
  ('common', 'interested into is isn isnt issue issues it item items its ive job just keen keep'),
  ('common', 'kept key keys kid kids kind kitchen knew know knows lady lah land large last late'),
  ('common', 'later latest learn least leather leave left leg legs lemme length less let lets'),
  ('common', 'letter level life light like liked limit line link links list listed listing'),
  ('common', 'little live living ll local lol long longer look looked looking looks loose lot'),
  ('common', 'lots love lovely low lower lucky luv m maam madam made mail main major make makes'),
  ('common', 'making man manual many mark marketplace marks mat match mate matter max may maybe'),
  ('common', 'me mean means measure meet meeting men mention message messages met metal middle'),
  ('common', 'might mind mine mint minute minutes miss missing model moment monday money month'),
  ('common', 'months more morning most mother motor move moved moving much mum must my myself'),
  ('common', 'nah name near nearby nearly need needed needs neighbour neither never new next'),
  ('common', 'nice night no nobody none noon normal north not note nothing now np number numbers'),
  ('common', 'o odd of off offer offers office often oh ok okay old on once one ones online only'),
  ('common', 'onto open opened or orange order original other others otherwise our out outside'),
  ('common', 'over own owned owner pack packed packet page paid paint pair paper part parts'),
  ('common', 'party pass past pay payment people perfect perfectly perhaps person phone photo'),
  ('common', 'photos pic pick picked picking pickup pics picture pictures piece pieces pink'),
  ('common', 'place plan plastic plate play please pls plus plz point pool possible possibly'),
  ('common', 'post postage posted postie power prefer present pretty previous price prices prob'),
  ('common', 'probably problem problems profile project proof proper properly proud public pull'),
  ('common', 'purchase purchased purple purse push put quality question questions quick quickly'),
  ('common', 'quiet quite r rain ran range rather rating re read ready real really rear reason'),
  ('common', 'receipt receive received recently reckon record red regards repair reply reserve'),
  ('common', 'respond rest return ride right rn road room rough round run running runs rust s'),
  ('common', 'sad safe said sale same sat saturday save saw say saying says school screen search'),
  ('common', 'season seat second see seem seems seen self sell seller selling send sense sent'),
  ('common', 'serial seriously serve service servo set several shade shall shape share she shed'),
  ('common', 'shelf shes ship shipped shipping shirt shoe shoes shop short should shouldn'),
  ('common', 'shouldnt show shown shows side sign silver similar simple since single sir sis'),
  ('common', 'sister sit site size sizes slight slightly slow small smell smoke so sofa soft'),
  ('common', 'sold solid some somebody someone something sometimes somewhere son soon sorry sort'),
  ('common', 'sound sounds south space spare spares speak special spot spots stain stains stand'),
  ('common', 'start started state stay step stick still stock stoked stone stop storage store'),
  ('common', 'story straight strap street strong stuff style such suit summer sun sunday super'),
  ('common', 'supply sure surface t ta table tag take taken takes taking talk tall tape tbh tear'),
  ('common', 'tears tell ten test tested than thank thanks that thats the their them then there'),
  ('common', 'theres these they theyre thick thin thing things think third this tho those though'),
  ('common', 'thought three through throw thru thursday thus thx tidy tight till time times tiny'),
  ('common', 'tip to today together told tomorrow tonight too took tool tools top total touch'),
  ('common', 'tough toward town toy track tracking trade train tray tried trip trouble truck'),
  ('common', 'true trust try trying tuesday turn tv twice two ty type u under understand'),
  ('common', 'unfortunately unit unless until up update updates upon ur us use used useful user'),
  ('common', 'uses using usual usually ute value van ve version very via video videos view'),
  ('common', 'village visible visit voice w wait waiting walk wall wanna want wanted wants warm'),
  ('common', 'warranty was wash wasn wasnt watch water way we wear wearing wednesday week'),
  ('common', 'weekend weekends weeks weight welcome well went were weren west what whatever'),
  ('common', 'whats wheel wheels when where wheres whether which while white who whole whose why'),
  ('common', 'wide width wife will window winner winning wish with within without woman women'),
  ('common', 'won wonder wondering wont wood wooden word work worked working works world worn'),
  ('common', 'worry worse worst worth would wouldn wouldnt wow write wrong y ya yard yea yeah'),
  ('common', 'year years yellow yep yes yesterday yet you young your youre yours yourself yous'),
  ('common', 'youse'),
  ('dot_word', 'd0t doot dot dott punto'),
  ('have_weak', 'kik messenger snap tele wechat'),
  ('number_safe', 'mynumberone notification notifications numberplate numberplates'),
  ('number_safe', 'yournumberplate'),
  ('as', 'as'),
  ('wise', 'wise'),
  ('pay_with', 'accept instead pay paying payment prefer swap take trade via with'),
  ('app_not', 'ad ads advert advertised bought cheaper deleted donotuse donthave donthaveany'),
  ('app_not', 'dontuse going havent listed marketplace neveruse nolonger nothave noton paid'),
  ('app_not', 'people posted saw scam scammers scams seen selling sold wanttomove warned warning'),
  ('link_word', 'bitly linktr linktree tinyurl'),
  ('speak', 'chat chatting discuss speak speaking talk talking'),
  ('phone_word', 'fone landline mobile phone text')
) as list (class, words)
cross join lateral string_to_table(list.words, ' ') as word
on conflict do nothing;

-- Filter: rules.

insert into private.filter_rules (
  rule_version, rule, kind, pattern, gap, unless, unless_near, weight, reason_code, stage
) values
(
  1, 'mobile', 'contact', '{mobile}', 0,
  null, null, 75, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'landline', 'contact', '{landline}', 0,
  null, null, 75, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'freecall', 'contact', '{freecall}', 0,
  null, null, 75, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'scattered_mobile', 'contact', '{scattered_mobile}', 0,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'described_mobile', 'contact', '{phone_cue,described_mobile}', 8,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'described_mobile_cue', 'contact', '{number_cue,described_mobile}', 6,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'described_mobile_after', 'contact', '{described_mobile,number_cue}', 3,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'mobile_parts', 'contact', '{mobile_parts}', 0,
  'id_cue', null, 68, 'PHONE_NUMBER', '{strict,listing}'
),
(
  1, 'tail_and_head', 'contact', '{number_cue,tail_and_head}', 6,
  null, null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'tail_and_head_cue', 'contact', '{phone_cue,tail_and_head}', 6,
  null, null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'bare_digits', 'contact', '{phone_cue,bare_digits}', 8,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'bare_digits_zero', 'contact', '{zero_cue,bare_digits}', 12,
  null, null, 65, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'bare_digits_zero_after', 'contact', '{bare_digits,zero_cue}', 12,
  null, null, 65, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'described_landline', 'contact', '{phone_cue,described_landline}', 8,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'described_landline_area', 'contact', '{landline_cue,described_landline}', 8,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'described_landline_digits', 'contact', '{number_cue,described_landline}', 6,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'described_zero', 'contact', '{zero_cue,described_bare}', 12,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'described_cue', 'contact', '{phone_cue,described_bare}', 6,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'described_zero_after', 'contact', '{described_bare,zero_cue}', 12,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'bare_mobile', 'contact', '{bare_mobile}', 0,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'bare_mobile_cue', 'contact', '{phone_cue,bare_mobile}', 8,
  'id_cue', null, 70, 'PHONE_NUMBER', '{strict,listing}'
),
(
  1, 'bare_mobile_zero', 'contact', '{zero_cue,bare_mobile}', 12,
  null, null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'bare_mobile_zero_after', 'contact', '{bare_mobile,zero_cue}', 12,
  null, null, 70, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'bare_landline', 'contact', '{bare_landline}', 0,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict,name}'
),
(
  1, 'phone_cue_digits', 'contact', '{phone_cue,account_digits}', 6,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  1, 'landline_cue_digits', 'contact', '{landline_cue,account_digits}', 4,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'short_number_cue', 'contact', '{phone_cue,short_number}', 4,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict,listing,name}'
),
(1, 'backwards', 'contact', '{backwards}', 0, 'id_cue', null, 65, 'PHONE_NUMBER', '{strict}'),
(
  1, 'backwards_cue', 'contact', '{backwards_cue,backwards}', 12,
  null, null, 75, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'backwards_cue_after', 'contact', '{backwards,backwards_cue}', 12,
  null, null, 75, 'PHONE_NUMBER', '{strict}'
),
(
  1, 'email', 'contact', '{at_sign,dot,tld}', 3,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_sign_tld', 'contact', '{at_sign,dot,tight_tld}', 3,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_sign_country', 'contact', '{at_sign,dot,path_tld}', 2,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_words', 'contact', '{at_word,dot,tld}', 3,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,name}'
),
(
  1, 'email_dot_words', 'contact', '{at_word,dot_word,tld}', 3,
  null, null, 75, 'EMAIL_ADDRESS', '{listing}'
),
(
  1, 'email_provider', 'contact', '{at_sign,provider}', 2,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_provider_words', 'contact', '{at_word,provider}', 3,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_weak_provider', 'contact', '{at_sign,weak_provider}', 1,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_weak_provider_words', 'contact', '{at_word,weak_provider}', 2,
  null, null, 72, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_provider_dot', 'contact', '{provider,dot,tld}', 1,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_weak_provider_dot', 'contact', '{weak_provider,dot,tld}', 1,
  null, null, 75, 'EMAIL_ADDRESS', '{strict,listing,name}'
),
(
  1, 'email_provider_bare', 'contact', '{provider}', 0,
  'compound', 'provider_safe', 65, 'EMAIL_ADDRESS', '{strict,name}'
),
(
  1, 'email_cue_provider', 'contact', '{email_cue,weak_provider}', 8,
  'device', null, 65, 'EMAIL_ADDRESS', '{strict}'
),
(
  1, 'email_handle_provider', 'contact', '{handle_like,weak_provider}', 2,
  null, null, 65, 'EMAIL_ADDRESS', '{strict}'
),
(1, 'tight_at', 'contact', '{tight_at}', 0, null, null, 65, 'EMAIL_ADDRESS', '{strict,name}'),
(1, 'domain', 'contact', '{tight_dot,tight_tld}', 0, null, null, 70, 'LINK', '{strict,name}'),
(
  1, 'domain_path', 'contact', '{tight_dot,path_tld,slash}', 0,
  null, null, 70, 'LINK', '{strict,name}'
),
(1, 'domain_words', 'contact', '{dot,tld}', 0, null, null, 70, 'LINK', '{strict,name}'),
(1, 'domain_soft', 'contact', '{comma,com}', 0, null, 'com_safe', 70, 'LINK', '{strict}'),
(1, 'link', 'contact', '{scheme}', 0, null, null, 75, 'LINK', '{strict,name}'),
(1, 'www', 'contact', '{www,dot}', 0, null, null, 75, 'LINK', '{strict,name}'),
(
  1, 'my_weak_provider', 'contact', '{my,weak_provider,is}', 2,
  'device', null, 65, 'EMAIL_ADDRESS', '{strict}'
),
(
  1, 'my_weak_provider_name', 'contact', '{my,weak_provider,handle_cue}', 2,
  'device', null, 65, 'EMAIL_ADDRESS', '{strict}'
),
(
  1, 'weak_provider_colon', 'contact', '{weak_provider,colon}', 0,
  'device', null, 65, 'EMAIL_ADDRESS', '{strict}'
),
(
  1, 'weak_provider_handle', 'contact', '{weak_provider,handle_like}', 2,
  'device', null, 65, 'EMAIL_ADDRESS', '{strict}'
),
(1, 'url_like', 'contact', '{url_like}', 0, null, null, 70, 'LINK', '{strict,name}'),
(1, 'app_slash', 'contact', '{app,slash}', 1, null, null, 70, 'LINK', '{strict,listing,name}'),
(1, 'app_dot', 'contact', '{app,dot,tight_tld}', 0, null, null, 72, 'LINK', '{strict}'),
(
  1, 'app_link', 'contact', '{app,tight_dot,tight_tld,slash}', 0,
  null, null, 75, 'LINK', '{listing}'
),
(
  1, 'host_link', 'contact', '{linkhost,tight_dot,tight_tld,slash}', 0,
  null, null, 75, 'LINK', '{listing}'
),
(
  1, 'host_link_short', 'contact', '{linkhost,tight_dot,path_tld,slash}', 0,
  null, null, 75, 'LINK', '{listing}'
),
(1, 'host_slash', 'contact', '{link_word,slash}', 0, null, null, 70, 'LINK', '{strict}'),
(
  1, 'handle', 'contact', '{handle_sign}', 0,
  'place_cue', null, 70, 'SOCIAL_HANDLE', '{strict,listing,name}'
),
(
  1, 'app_handle', 'contact', '{app,handle_like}', 8,
  null, null, 72, 'SOCIAL_HANDLE', '{strict,listing,name}'
),
(
  1, 'handle_app', 'contact', '{handle_like,app}', 3,
  null, null, 72, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'app_colon', 'contact', '{app,colon}', 1,
  null, null, 70, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'app_is', 'contact', '{app,is}', 1,
  'device', 'app_safe', 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'app_cue', 'contact', '{app,handle_cue}', 2,
  null, 'app_safe', 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'cue_app', 'contact', '{handle_cue,app}', 4,
  null, 'app_safe', 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'my_app_is', 'contact', '{my,app,is}', 1,
  null, null, 70, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'find_app', 'contact', '{find,on,app}', 5,
  'seen', 'app_safe', 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'app_names', 'contact', '{app,names}', 3,
  null, 'app_safe', 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'network_handle', 'contact', '{network,handle_like}', 6,
  null, null, 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'handle_network', 'contact', '{handle_like,network}', 3,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'network_colon', 'contact', '{network,colon}', 0,
  null, null, 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(1, 'on_app_as', 'contact', '{on,app,as}', 3, 'seen', null, 62, 'SOCIAL_HANDLE', '{strict}'),
(
  1, 'on_network_as', 'contact', '{on,network,as}', 3,
  'seen', null, 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'network_shop', 'contact', '{find,network,unknown}', 3,
  'seen', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'app_person_unknown', 'contact', '{app,person,unknown}', 2,
  'seen', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'on_weak_app_person', 'contact', '{on,weak_app,person,unknown}', 1,
  'seen', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'network_slash', 'contact', '{network,slash}', 1,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'my_app_unknown', 'contact', '{my,app,unknown}', 3,
  'seen', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'talk_unknown_weak_app', 'contact', '{talk,unknown,on,weak_app}', 1,
  null, null, 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'app_unknown', 'contact', '{app,unknown}', 1,
  'compound', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'unknown_on_app', 'contact', '{unknown,on,app}', 0,
  'seen', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'my_network', 'contact', '{my,network,is}', 1,
  'device', null, 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'my_network_unknown', 'contact', '{my,network,unknown}', 0,
  'device', null, 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'my_network_only', 'proposal', '{my,weak_app}', 0,
  'device', null, 40, 'CHAT_APP', '{strict}'
),
(
  1, 'network_cue', 'contact', '{network,handle_cue}', 1,
  null, null, 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'findme_app', 'contact', '{findme,app}', 5,
  null, 'app_safe', 65, 'SOCIAL_HANDLE', '{strict,listing}'
),
(
  1, 'weak_app_handle', 'contact', '{weak_app,handle_like}', 2,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'handle_weak_app', 'contact', '{handle_like,on,weak_app}', 0,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(1, 'app_name', 'contact', '{name_word}', 0, null, null, 65, 'CHAT_APP', '{name}'),
(
  1, 'app_person', 'proposal', '{app,person}', 4,
  'app_not', 'device', 40, 'CHAT_APP', '{strict}'
),
(
  1, 'person_app', 'proposal', '{person,app}', 4,
  'app_not', 'device', 40, 'CHAT_APP', '{strict}'
),
(1, 'on_app', 'proposal', '{on,app}', 1, 'app_not', 'device', 40, 'CHAT_APP', '{strict}'),
(1, 'have_app', 'proposal', '{have,app}', 1, 'app_not', 'device', 40, 'CHAT_APP', '{strict}'),
(1, 'talk_app', 'proposal', '{talk,app}', 5, 'app_not', 'device', 40, 'CHAT_APP', '{strict}'),
(
  1, 'talk_on_weak_app', 'proposal', '{talk,on,weak_app}', 3,
  'app_not', null, 40, 'CHAT_APP', '{strict}'
),
(
  1, 'call_me', 'proposal', '{call_me}', 0,
  'neg', 'call_safe', 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'give_call', 'proposal', '{give,call_noun}', 3,
  'neg', null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'your_number', 'proposal', '{your_number}', 0,
  'neg', 'number_safe', 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'call_thing', 'proposal', '{call_thing,call_verb}', 3,
  'neg', null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'have_weak_app', 'proposal', '{have,have_weak}', 1,
  'app_not', null, 40, 'CHAT_APP', '{strict}'
),
(
  1, 'speak_phone', 'proposal', '{speak,on,phone_word}', 4,
  'neg', null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'elsewhere_talk', 'proposal', '{elsewhere,talk}', 3,
  'neg', null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'elsewhere', 'proposal', '{talk,elsewhere}', 5,
  null, null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'pay_app', 'payment', '{pay_app}', 0,
  'neg', 'pay_safe', 45, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(
  1, 'whynot_pay_app', 'payment', '{whynot,pay_app}', 5,
  null, null, 45, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(1, 'payid_listing', 'payment', '{payid}', 0, null, null, 75, 'PAYID', '{listing}'),
(
  1, 'pay_app_mobile', 'payment', '{pay_app,mobile}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing,link,joined}'
),
(
  1, 'mobile_pay_app', 'payment', '{mobile,pay_app}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing,link,joined}'
),
(
  1, 'pay_app_described', 'payment', '{pay_app,described_mobile}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_landline', 'payment', '{pay_app,landline}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_digits', 'payment', '{pay_app,account_digits}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'digits_pay_app', 'payment', '{account_digits,pay_app}', 6,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_bare', 'payment', '{pay_app,bare_mobile}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_abn', 'payment', '{pay_app,abn_digits}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,listing,joined}'
),
(
  1, 'abn_pay_app', 'payment', '{abn_digits,pay_app}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_email', 'payment', '{pay_app,at_sign}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing,link,joined}'
),
(
  1, 'email_pay_app', 'payment', '{at_sign,pay_app}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing,link,joined}'
),
(
  1, 'pay_app_at_provider', 'payment', '{pay_app,provider}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_weak_provider', 'payment', '{pay_app,weak_provider}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'provider_pay_app', 'payment', '{provider,pay_app}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing,joined}'
),
(
  1, 'pay_app_domain', 'payment', '{pay_app,dot,tld}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing,link,joined}'
),
(
  1, 'pay_app_me', 'payment', '{pay_app,tight_dot,path_tld}', 0,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,listing,link,joined}'
),
(
  1, 'pay_app_colon', 'payment', '{pay_app,colon}', 1,
  null, null, 75, 'PAYID', '{strict,order}'
),
(
  1, 'pay_app_handle', 'payment', '{pay_app,handle_like}', 6,
  null, null, 80, 'PAYID', '{strict,order,joined}'
),
(
  1, 'pay_app_sign', 'payment', '{pay_app,handle_sign}', 6,
  null, null, 80, 'PAYID', '{strict,order,joined}'
),
(1, 'bank', 'payment', '{bank}', 0, 'neg', 'bank_safe', 45, 'BANK_TRANSFER', '{strict,order}'),
(
  1, 'bsb_account', 'payment', '{bsb_account}', 0,
  'id_cue', null, 85, 'BANK_ACCOUNT', '{strict,order,listing,joined}'
),
(
  1, 'bank_account', 'payment', '{bank,bank_account}', 8,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing,joined}'
),
(
  1, 'pay_bank_account', 'payment', '{pay,bank_account}', 6,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'split_account', 'payment', '{account_digits,account_cue,account_digits}', 2,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing,joined}'
),
(
  1, 'bsb_word_account', 'payment', '{bsb,bank_account}', 4,
  null, null, 90, 'BANK_ACCOUNT', '{strict,order,listing,link,joined}'
),
(
  1, 'bsb_digits', 'payment', '{bsb,account_digits}', 5,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing,link,joined}'
),
(
  1, 'digits_bsb', 'payment', '{account_digits,bsb}', 3,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'account_digits', 'payment', '{account_cue,account_digits}', 5,
  'id_cue', null, 80, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'wise_name', 'payment', '{wise,handle_cue}', 1,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(
  1, 'digits_account', 'payment', '{account_digits,account_cue}', 2,
  'id_cue', null, 75, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'long_account', 'payment', '{bank_account,account_cue}', 3,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'account_more', 'payment', '{account_cue,seven_digits}', 3,
  'id_cue', null, 75, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'account_long', 'payment', '{account_cue,abn_digits}', 4,
  'id_cue', null, 75, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'bank_digits', 'payment', '{bank,account_digits}', 10,
  'id_cue', null, 80, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  1, 'bank_name_account', 'payment', '{bank_name,bank_account}', 5,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'pay_app_account', 'payment', '{pay_app,bank_account}', 8,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing,joined}'
),
(
  1, 'bank_name_digits', 'payment', '{bank_name,account_digits}', 5,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'pay_digits', 'payment', '{pay,account_digits}', 6,
  'id_cue', 'call_verb', 75, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'abn_payee', 'payment', '{pay,abn,abn_digits}', 6,
  null, null, 80, 'ABN_PAYEE', '{strict,order,joined}'
),
(
  1, 'abn_payee_after', 'payment', '{abn,abn_digits,pay}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,joined}'
),
(
  1, 'pay_abn_digits', 'payment', '{pay,abn_digits}', 5,
  'id_cue', 'call_verb', 75, 'ABN_PAYEE', '{strict,order}'
),
(
  1, 'abn_bank', 'payment', '{abn,abn_digits,bank}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,joined}'
),
(
  1, 'bank_abn', 'payment', '{bank,abn_digits}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,joined}'
),
(1, 'pay_mobile', 'payment', '{pay,to,mobile}', 4, null, null, 75, 'PAYID', '{strict,order}'),
(1, 'card', 'payment', '{card}', 0, null, null, 90, 'CARD_NUMBER', '{strict,order,listing,joined}'),
(
  1, 'card_solid', 'payment', '{card_solid}', 0,
  'id_cue', null, 90, 'CARD_NUMBER', '{strict,order,listing,joined}'
),
(1, 'wallet', 'payment', '{wallet}', 0, null, null, 80, 'CRYPTO', '{strict,order}'),
(
  1, 'eth_name', 'payment', '{tight_dot,eth_tld}', 0,
  null, null, 80, 'CRYPTO', '{strict,order}'
),
(
  1, 'crypto_code', 'payment', '{crypto,long_code}', 6,
  null, null, 80, 'CRYPTO', '{strict,order}'
),
(
  1, 'wallet_code', 'payment', '{wallet_cue,long_code}', 4,
  null, null, 80, 'CRYPTO', '{strict,order}'
),
(
  1, 'crypto', 'proposal', '{pay_verb,crypto}', 4,
  'neg', 'crypto_safe', 40, 'CRYPTO', '{strict,order}'
),
(
  1, 'crypto_after', 'proposal', '{crypto,pay_verb}', 4,
  'neg', 'crypto_safe', 40, 'CRYPTO', '{strict,order}'
),
(
  1, 'cashtag', 'payment', '{pay_app,cashtag}', 2,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,link,joined}'
),
(
  1, 'remit', 'payment', '{remit,remit_cue}', 6,
  'neg', 'pay_safe', 70, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(1, 'gift_code', 'payment', '{gift,code}', 14, 'neg', null, 75, 'GIFT_CARD', '{strict,order}'),
(1, 'code_gift', 'payment', '{code,gift}', 8, 'neg', null, 75, 'GIFT_CARD', '{strict,order}'),
(1, 'gift', 'proposal', '{pay_with,gift}', 4, 'neg', null, 45, 'GIFT_CARD', '{strict,order}'),
(
  1, 'gift_after', 'proposal', '{gift,pay_with}', 4,
  'neg', null, 45, 'GIFT_CARD', '{strict,order}'
),
(1, 'cash', 'proposal', '{cash}', 0, 'neg', 'cash_safe', 40, 'CASH', '{strict,order}'),
(1, 'offsite', 'proposal', '{offsite}', 0, 'neg', null, 45, 'OFF_PLATFORM', '{strict,order}'),
(
  1, 'hand_money', 'proposal', '{hand,money}', 5,
  'neg', 'cash_safe', 40, 'CASH', '{strict,order}'
),
(
  1, 'not_site', 'proposal', '{neg,use_word,checkout}', 3,
  null, null, 40, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'instead_site', 'proposal', '{instead,checkout}', 5,
  null, null, 40, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'outside_site', 'proposal', '{outside,site}', 2,
  'neg', null, 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'avoid_fee', 'proposal', '{avoid,fee}', 5,
  null, 'fee_safe', 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'deal_direct', 'proposal', '{deal,direct}', 4,
  'neg', 'direct_safe', 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'cancel_direct', 'proposal', '{cancel,direct}', 10,
  null, null, 45, 'OFF_PLATFORM', '{strict,order}'
),
(1, 'name_digits', 'contact', '{seven_digits}', 0, null, null, 65, 'PHONE_NUMBER', '{name}')
on conflict do nothing;
