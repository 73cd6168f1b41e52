set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.phone_marks;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.shape_marks;

-- The table is small, and only migrations write it.
-- squawk-ignore require-concurrent-index-creation
create index filter_words_class_idx on private.filter_words (class);

alter table private.filter_rules add column unless_near text collate "C";

comment on table private.filter_rules is 'Rules of the message filter. A rule finds the classes of its pattern in this order, with at most gap words between two. A mark of the class unless before it or inside it voids it, and so does a mark of the class unless_near on either side, each within four words of the same clause. Only migrations change rules.';

alter type private.filter_finding add attribute kind text;

-- The linter takes columns of values lists and the forms of normalize for columns of tables.
-- noqa: disable=RF02,RF03
-- Signs that look like an ASCII letter or digit, and have no decomposition that says so. Each pair
-- of strings has the same length.
delete from private.filter_characters;

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

delete from private.filter_numerals;

insert into private.filter_numerals (word, kind, value)
select
  word,
  list.kind,
  list.value
from (
  values
  ('digit', 'A', 'zero zeroes zro zer zerro zeero nought naught nil cero nul oh'),
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
) as list (kind, value, words) -- noqa: RF04
cross join lateral string_to_table(list.words, ' ') as word
on conflict do nothing;

delete from private.filter_words;

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
  ('device', 'appstore bag compatible download downloaded install installed installing instapot'),
  ('device', 'loaded logged login notification notifications playstore preinstalled run running'),
  ('device', 'runs screen sideload sign smartwatch support supported supports tablet viberating'),
  ('my', 'business her his hubbys husbands me mine my our ur wifes your'),
  ('phone_cue', 'bell bellme buzz call callme callon callus cell contact contactme contactnumber'),
  ('phone_cue', 'dial digits fon fone holler homenumber landline mob mobile mobilenumber msg'),
  ('phone_cue', 'mynum mynumber num numba numbr ournumber ph phone phonenumber reach reachme'),
  ('phone_cue', 'ring ringme ringon shout sms smsme tel telephone text text2 textme txt txtme'),
  ('phone_cue', 'worknumber yell'),
  ('id_cue', 'acn article asset auspost barcode batch casting catalogue chassis claim code'),
  ('id_cue', 'compliance consignment docket ean engine firmware id imei invoice isbn item label'),
  ('id_cue', 'licence license listing lot member membership model modelno order orderid'),
  ('id_cue', 'ordernumber parcel partno partnumber plate pn po policy product receipt ref'),
  ('id_cue', 'reference rego sendle serial serialno set sku sn stamped starttrack stock tag'),
  ('id_cue', 'ticket track tracked trackednumber tracking upc version vin warranty'),
  ('number_cue', 'areacode begin begins digit digits end ending ends first front last middle'),
  ('number_cue', 'next number oh4 pop prefix remainder remaining rest start starts stick then'),
  ('number_cue', 'zeroinfront'),
  ('zero_cue', '0atthefront 0atthestart 0before 0first 0infront 0onthefront add0 adda0 addazero'),
  ('zero_cue', 'addzero anohinfront aussieprefix azero beginswithzero dropthezero leadingzero'),
  ('zero_cue', 'missinga0 missingthezero missingzero ohinfront plus61 put0 putazero'),
  ('zero_cue', 'startswithzero usualprefix usualzero withazero withzero zeroatthefront'),
  ('zero_cue', 'zeroatthestart zerobefore zerofirst zeroinfront zeroonthefront'),
  ('backwards_cue', 'backtofront backward backwards endtostart flip flipped mirror mirrored'),
  ('backwards_cue', 'reverse reversed righttoleft sdrawkcab'),
  ('landline_cue', 'adelaide afterhours areacode brisbane brissy homephone landline melb'),
  ('landline_cue', 'melbourne perth shopphone sydney workphone'),
  ('app', 'blueapp bookoffaces botim discord facebk facebok facebook facebookmessenger facebuk'),
  ('app', 'facetime facey fb fbmessenger fbook greenapp greenchatapp gummy gumtree hangouts ig'),
  ('app', 'imessage insta instagram instagran instagrm instgram kakao kakaotalk lineid linkedin'),
  ('app', 'linkedln linktr linktree messengerapp papertplane sc signalapp skype snapchap'),
  ('app', 'snapchat telagram teleg telegram telegramm telegraph2 telegrm thebookoffaces thegram'),
  ('app', 'threema tiktok truecaller twitter viber vibr wapp wassap wassapp wassup4 watsap'),
  ('app', 'watsapp wattsapp watzapp wazap wazzap weixin whatapp whatsaap whatsap whatsapp'),
  ('app', 'whatsappp whatsup whatzapp whazzapp whtsap whtsapp wickr wotsap wotsapp wozap wzap'),
  ('app', 'zalo ~fcbc ~msngr ~nstgrm ~snpct ~tlgrm ~wtsp ~wtspp ~wtsppp'),
  ('weak_app', 'dm kik mesenger messanger messenger msgr reddit signal snap tele tg wa wechat'),
  ('app_safe', 'facebookgroup facebookmarketplace fbmarketplace gumtreead marketplaceonfacebook'),
  ('app_safe', 'messengerbag messengerbags signalstrength snapfit snaplock snapon viberating'),
  ('app_safe', 'wassup whatsup whatsupwith'),
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
  ('call_noun', 'bel bell buzz call details digits email num number ring shout tingle tinkle'),
  ('call_me', 'bellme buzzme callme callmyself callus callyou canitext dialme emailme emailus'),
  ('call_me', 'givemeacall itextyou mailme mesage2 phoneme ringme ringmyphone ringus ringyou'),
  ('call_me', 'smsme textme textmyphone textus txtme'),
  ('call_safe', 'callmecrazy callmedumb callmefussy callmeold callmeparanoid callmepicky'),
  ('call_safe', 'callmestupid callmewhat'),
  ('your_number', 'acontactnumber amobilenumber anemail anumber aphonenumber bestcontact'),
  ('your_number', 'bestemail bestnumber bestphone contactdetails contactinfo directline'),
  ('your_number', 'directnumber exchangenumbers mobno mobnumber mycell mycontact mydigits'),
  ('your_number', 'myemail myemailaddress mymob mymobilenumber mynum mynumba mynumber'),
  ('your_number', 'myphonenumber personalemail personalnumber phno phonenum swapnumbers'),
  ('your_number', 'swappingnumbers thephonenumber urdigits uremail urmob urmobilenumber urnum'),
  ('your_number', 'urnumber urphonenumber yourcell yourcontact yourcontactdetails yourcontacts'),
  ('your_number', 'yourdigits youremail youremailaddress yourmob yourmobilenumber yournum'),
  ('your_number', 'yournumba yournumber yourphonenumber yourwhatsapp'),
  ('elsewhere', 'anotherapp anotherway differentapp elsewhere offchat offline offthechat'),
  ('elsewhere', 'otherapp otherwayto outsidethechat somewhereelse thirdparty'),
  ('outside', 'around away bypass leave off outside outta without'),
  ('site', 'app apps auction auctions aussiemarket here listing marketplace platform site system'),
  ('site', 'thesite webpage website'),
  ('offsite', 'awayfromhere awayfromthesite behindthescenes betweenourselves betweenus'),
  ('offsite', 'betweenyouandi betweenyouandme brotobro buydirect buyitdirect circumvent'),
  ('offsite', 'cutoutthemiddleman cutthemiddleman dealdirect dealdirectly directdeal'),
  ('offsite', 'directlytome directlytoyou directlywithme directlywithyou directsale directtome'),
  ('offsite', 'directtoyou directwithme directwithyou doitprivately facetoface2 justusually'),
  ('offsite', 'middleman middlemen moneyinhand nocommission offapp offhere offmarket offplatform'),
  ('offsite', 'offsite offtheapp offthebook offthebooks offthegrid offtheplatform offtheradar'),
  ('offsite', 'offthesite onthequiet onthesly outsideebay outsidehere outsideofhere'),
  ('offsite', 'outsideofthesite outsidetheapp outsidetheplatform outsidethesite paydirect'),
  ('offsite', 'privatedeal privately privatesale pullthead pullthelisting selldirect'),
  ('offsite', 'sellprivately sidechannel sidedeal sidestep takethelistingdown underthetable'),
  ('offsite', 'withoutgoingthrough withouttheapp withouttheircut withouttheirfees withoutthem'),
  ('offsite', 'withoutthesite'),
  ('avoid', 'around avoid avoiding beat bypass bypassing cut cutting ditch dodge dodging eats'),
  ('avoid', 'escape evade less lose losing minus pocket rid save saves saving skip skipping'),
  ('avoid', 'split stops without'),
  ('fee', 'commission commissions cut fee fees percent surcharge'),
  ('fee_safe', 'booking courier delivery entry freight late membership parking postage rego'),
  ('fee_safe', 'shipping'),
  ('deal', 'arrange buy complete deal do done finish go handle negotiate pay purchase sale sell'),
  ('deal', 'settle sort trade transact transfer'),
  ('direct', 'direct directly outside private privately'),
  ('direct_safe', 'directdrive directflight directfrom directinjection directpost directsunlight'),
  ('cancel', 'cancel cancelit cancelled cancelling close delist end endit killit pull pullit'),
  ('cancel', 'remove takedown takeitdown withdraw'),
  ('cash', 'ca$h cash cashie cashies cheque cheques moneyorder'),
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
  ('bank', 'accname accountdetails acctname bank2bank bankaccount bankdeets bankdep bankdeposit'),
  ('bank', 'bankdetails bankinfo bankingdetails bankinginfo banktfr banktobank banktrans'),
  ('bank', 'banktransfer banktransfers bankwire bankxfer bsb bsbnumber btfr btransfer commbank'),
  ('bank', 'directcredit directdebit directdeposit directtransfer eft electronictransfer'),
  ('bank', 'instanttransfer internetbanking netbank nppp onlinetransfer transferthemoney wire'),
  ('bank', 'wiretransfer'),
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
  ('gift', 'giftvouchers googleplay googleplaycard googleplaycards itunes itunescard itunescards'),
  ('gift', 'neosurf neosurfvoucher playvoucher playvouchers prepaidcard prepaidcards prepaidvisa'),
  ('gift', 'prepaidvisacards razergold steamcard steamcards steamgiftcard vanillacard'),
  ('gift', 'vanillaprepaid visacard visacards visagiftcard voucher vouchers woolies'),
  ('gift', 'woolworthsgiftcard'),
  ('neg', 'against arent avoid avoiding cannot cant didnt doesnt donot dont instead isnt nah'),
  ('neg', 'neither never no nor not refuse without wont wouldnt'),
  ('positive', 'donthave dontmind dontneed dontuseebay dontworry ifnot nocommission nodrama'),
  ('positive', 'nodramas nofee nofees nohassle nohurry noissue noissues noneed noproblem'),
  ('positive', 'noreason norush noscam nostress notabigdeal notascam notfussed notsure'),
  ('positive', 'notusethesite noworries whydont whynot withoutebay withoutgoingthrough'),
  ('positive', 'withouttheapp withouttheircut withouttheirfees withoutthem withoutthesite'),
  ('positive', 'wouldntit'),
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
  ('network', 'airtasker bluesky bookoffaces bsky carousell depop disc etsy gamertag github gram'),
  ('network', 'insta kik mastodon messenger myspace patreon pinterest poshmark psn reddit snap'),
  ('network', 'steam strava thegram twitch wechat xbox youtube'),
  ('remit', 'moneygram remitly westernunion worldremit'),
  ('remit_cue', 'mtcn name receiver recipient to'),
  ('eth_tld', 'eth'),
  ('wallet_cue', 'addr address wallet'),
  ('code', 'code codes digits numbers photo photos pin pins scratch'),
  ('use_word', 'bother go need on tell through trust use using via'),
  ('checkout', 'app checkout platform site website'),
  ('instead', 'insteadof ratherthan'),
  ('hand', 'bring drop give hand meet pay slip'),
  ('money', 'bucks cash dosh money notes pineapples'),
  ('call_thing', 'landline mob mobile num number'),
  ('call_verb', 'call contact phone reach ring sms text'),
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
  ('have_weak', 'kik messenger snap tele wechat')
) as list (class, words) -- noqa: RF04
cross join lateral string_to_table(list.words, ' ') as word
on conflict do nothing;

delete from private.filter_rules;

insert into private.filter_rules (
  rule_version, rule, kind, pattern, gap, unless, unless_near, weight, reason_code, stages
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
  null, 'provider_safe', 65, 'EMAIL_ADDRESS', '{strict,name}'
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
(1, 'host_slash', 'contact', '{linkhost,slash}', 0, null, null, 70, 'LINK', '{strict}'),
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
  1, 'app_is', 'contact', '{app,is}', 0,
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
(
  1, 'network_slash', 'contact', '{network,slash}', 1,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  1, 'app_unknown', 'contact', '{app,unknown}', 1,
  'seen', 'device', 62, 'SOCIAL_HANDLE', '{strict}'
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
(1, 'app_person', 'proposal', '{app,person}', 4, 'seen', 'device', 40, 'CHAT_APP', '{strict}'),
(1, 'person_app', 'proposal', '{person,app}', 4, 'seen', 'device', 40, 'CHAT_APP', '{strict}'),
(1, 'on_app', 'proposal', '{on,app}', 1, 'seen', 'device', 40, 'CHAT_APP', '{strict}'),
(1, 'have_app', 'proposal', '{have,app}', 1, null, 'device', 40, 'CHAT_APP', '{strict}'),
(1, 'talk_app', 'proposal', '{talk,app}', 5, null, 'device', 40, 'CHAT_APP', '{strict}'),
(
  1, 'talk_on_weak_app', 'proposal', '{talk,on,weak_app}', 3,
  null, null, 40, 'CHAT_APP', '{strict}'
),
(
  1, 'call_me', 'proposal', '{call_me}', 0,
  'neg', 'call_safe', 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'give_call', 'proposal', '{give,call_noun}', 3,
  null, null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'your_number', 'proposal', '{your_number}', 0,
  'neg', null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'call_thing', 'proposal', '{call_thing,call_verb}', 3,
  'neg', null, 40, 'CONTACT_PROPOSAL', '{strict}'
),
(
  1, 'have_weak_app', 'proposal', '{have,have_weak}', 1,
  null, null, 40, 'CHAT_APP', '{strict}'
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
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'mobile_pay_app', 'payment', '{mobile,pay_app}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_described', 'payment', '{pay_app,described_mobile}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_landline', 'payment', '{pay_app,landline}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_digits', 'payment', '{pay_app,account_digits}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'digits_pay_app', 'payment', '{account_digits,pay_app}', 6,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_bare', 'payment', '{pay_app,bare_mobile}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_abn', 'payment', '{pay_app,abn_digits}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,listing}'
),
(
  1, 'abn_pay_app', 'payment', '{abn_digits,pay_app}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order,listing}'
),
(
  1, 'pay_app_email', 'payment', '{pay_app,at_sign}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'email_pay_app', 'payment', '{at_sign,pay_app}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_at_provider', 'payment', '{pay_app,provider}', 10,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_weak_provider', 'payment', '{pay_app,weak_provider}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'provider_pay_app', 'payment', '{provider,pay_app}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_domain', 'payment', '{pay_app,dot,tld}', 8,
  null, null, 80, 'PAYID', '{strict,order,listing}'
),
(
  1, 'pay_app_me', 'payment', '{pay_app,tight_dot,path_tld}', 0,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,listing}'
),
(
  1, 'pay_app_colon', 'payment', '{pay_app,colon}', 1,
  null, null, 75, 'PAYID', '{strict,order}'
),
(
  1, 'pay_app_handle', 'payment', '{pay_app,handle_like}', 6,
  null, null, 80, 'PAYID', '{strict,order}'
),
(
  1, 'pay_app_sign', 'payment', '{pay_app,handle_sign}', 6,
  null, null, 80, 'PAYID', '{strict,order}'
),
(1, 'bank', 'payment', '{bank}', 0, 'neg', 'bank_safe', 45, 'BANK_TRANSFER', '{strict,order}'),
(
  1, 'bsb_account', 'payment', '{bsb_account}', 0,
  'id_cue', null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'bank_account', 'payment', '{bank,bank_account}', 8,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'pay_bank_account', 'payment', '{pay,bank_account}', 6,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'split_account', 'payment', '{account_digits,account_cue,account_digits}', 2,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'bsb_word_account', 'payment', '{bsb,bank_account}', 4,
  null, null, 90, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'bsb_digits', 'payment', '{bsb,account_digits}', 5,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'digits_bsb', 'payment', '{account_digits,bsb}', 3,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'account_digits', 'payment', '{account_cue,account_digits}', 5,
  'id_cue', null, 80, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'account_long', 'payment', '{account_cue,abn_digits}', 4,
  'id_cue', null, 75, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'bank_digits', 'payment', '{bank,account_digits}', 10,
  'id_cue', null, 80, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'bank_name_account', 'payment', '{bank_name,bank_account}', 5,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'pay_app_account', 'payment', '{pay_app,bank_account}', 8,
  null, null, 85, 'BANK_ACCOUNT', '{strict,order,listing}'
),
(
  1, 'bank_name_digits', 'payment', '{bank_name,account_digits}', 5,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'pay_digits', 'payment', '{pay,account_digits}', 6,
  'id_cue', null, 75, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'abn_payee', 'payment', '{pay,abn,abn_digits}', 6,
  null, null, 80, 'ABN_PAYEE', '{strict,order}'
),
(
  1, 'abn_payee_after', 'payment', '{abn,abn_digits,pay}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order}'
),
(
  1, 'pay_abn_digits', 'payment', '{pay,abn_digits}', 5,
  'id_cue', null, 75, 'ABN_PAYEE', '{strict,order}'
),
(
  1, 'abn_bank', 'payment', '{abn,abn_digits,bank}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order}'
),
(
  1, 'bank_abn', 'payment', '{bank,abn_digits}', 8,
  null, null, 80, 'ABN_PAYEE', '{strict,order}'
),
(1, 'pay_mobile', 'payment', '{pay,to,mobile}', 4, null, null, 75, 'PAYID', '{strict,order}'),
(1, 'card', 'payment', '{card}', 0, null, null, 90, 'CARD_NUMBER', '{strict,order,listing}'),
(
  1, 'card_solid', 'payment', '{card_solid}', 0,
  'id_cue', null, 90, 'CARD_NUMBER', '{strict,order,listing}'
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
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(
  1, 'remit', 'payment', '{remit,remit_cue}', 6,
  'neg', 'pay_safe', 70, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(1, 'gift_code', 'payment', '{gift,code}', 14, 'neg', null, 75, 'GIFT_CARD', '{strict,order}'),
(1, 'code_gift', 'payment', '{code,gift}', 8, 'neg', null, 75, 'GIFT_CARD', '{strict,order}'),
(1, 'gift', 'proposal', '{pay_verb,gift}', 4, 'neg', null, 45, 'GIFT_CARD', '{strict,order}'),
(
  1, 'gift_after', 'proposal', '{gift,pay_verb}', 4,
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
  null, 'direct_safe', 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'direct_deal', 'proposal', '{direct,deal}', 1,
  null, 'direct_safe', 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'cancel_direct', 'proposal', '{cancel,direct}', 10,
  null, null, 45, 'OFF_PLATFORM', '{strict,order}'
)
on conflict do nothing;

create function private.readings_of_text(p_folded private.folded_text)
returns private.folded_text[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_readings private.folded_text[] := array[p_folded];
  v_tokens private.filter_token[] := private.filter_tokens(p_folded.folded);
  v_is_reversed boolean := private.has_reversed_words(v_tokens);
begin
  if private.has_spaced_letters(v_tokens) then
    v_readings := v_readings || private.without_spaces(p_folded, v_tokens);
    v_tokens := private.filter_tokens(v_readings[2].folded);
    v_is_reversed := v_is_reversed or private.has_reversed_words(v_tokens);
  end if;
  if v_is_reversed then
    v_readings := v_readings || private.reversed_text(v_readings[cardinality(v_readings)]);
  end if;
  return v_readings;
end;
$$;

comment on function private.readings_of_text is 'Return a text, and if it has letters that stand alone or words from their end, the text without the separators between single letters and the text from its end.';

create function private.has_reversed_words(p_tokens private.filter_token[])
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from unnest(p_tokens) as token
    inner join private.filter_words as known
      on known.word = token.word and known.class = 'reversed'
  );
end;
$$;

comment on function private.has_reversed_words is 'Return true if a text has a word that is written from its end.';

create function private.has_spaced_letters(p_tokens private.filter_token[])
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return exists (
    select
    from (
      select
        token.n - row_number() over (order by token.n) as run,
        token.word
      from unnest(p_tokens) as token
      where char_length(token.word) = 1
    ) as letter
    group by letter.run
    having count(*) > 3 and count(*) filter (where letter.word >= 'a') > 2
  );
end;
$$;

comment on function private.has_spaced_letters is 'Return true if a text has four letters or digits that stand alone in a row, of which three are letters.';

create function private.without_spaces(
  p_reading private.folded_text, p_tokens private.filter_token[]
)
returns private.folded_text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_joined private.folded_text;
begin
  with piece as (
    select
      token.n,
      token.start_at,
      token.word || case
        when
          char_length(token.word || lead(token.word) over sequence) <> 2
          or char_length(token.word) <> 1
          or 1 not in (
            coalesce(char_length(lag(token.word) over sequence), 0),
            coalesce(char_length(lead(token.word, 2) over sequence), 0)
          )
          then token.gap
        when char_length(token.gap) = 1 then ''
        when btrim(token.gap) = '' then ' '
        else btrim(token.gap)
      end as text
    from unnest(p_tokens) as token
    window sequence as (order by token.n)
  )

  select
    string_agg(substr(piece.text, place, 1), '' order by piece.n, place),
    array_agg(
      coalesce(p_reading.origins[piece.start_at + place], piece.start_at + place)
      order by piece.n, place
    )
  into v_joined.folded, v_joined.origins
  from piece
  cross join lateral generate_series(1, char_length(piece.text)) as place;
  return v_joined;
end;
$$;

comment on function private.without_spaces is 'Return a text without the separators between single letters.';

create function private.reversed_text(p_reading private.folded_text)
returns private.folded_text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_reversed private.folded_text;
begin
  v_reversed.folded := reverse(p_reading.folded);
  v_reversed.origins := array(
    select coalesce(p_reading.origins[place], place)
    from generate_series(char_length(p_reading.folded), 1, -1) as place
  );
  return v_reversed;
end;
$$;

comment on function private.reversed_text is 'Return a text from its end to its start.';

create or replace function private.spell_out(p_word text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_words constant text[] := array[
    'zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ohh', 'won',
    'too', 'tree', 'for', 'oh', 'ate', 'free'
  ];
  v_digits constant text := 'ABCDEFGHIJABCDEAID';
  v_text text := p_word;
begin
  for v_n in 1..cardinality(v_words) loop
    v_text := replace(v_text, v_words[v_n], substr(v_digits, v_n, 1));
  end loop;
  if strpos(v_text, 'le') > 0 then
    v_text := regexp_replace(v_text, 'double([A-J0-9])', '\1\1', 'g');
    v_text := regexp_replace(v_text, 'triple([A-J0-9])', '\1\1\1', 'g');
  end if;
  return v_text;
end;
$$;

comment on function private.spell_out is 'Return a word with a letter A to J for each number word in it.';

create function private.number_of_word(p_word text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_has_digits constant boolean := translate(p_word, '0123456789', '') <> p_word;
  v_text text := p_word;
begin
  if v_has_digits or char_length(p_word) > 5 then
    v_text := private.spell_out(p_word);
  end if;
  return case
    when translate(v_text, 'ABCDEFGHIJ0123456789', '') = '' then ' ' || v_text || ' '
    when translate(p_word, 'oli', '') = '' and char_length(p_word) < 4
      then ' ' || translate(p_word, 'oli', 'abb') || ' '
    when not v_has_digits then '|'
    when translate(v_text, 'ABCDEFGHIJ0123456789oqdilzeasgtb', '') = ''
      then ' ' || translate(v_text, 'oqdilzeasgtb', '000112345978') || '^ '
    when
      translate(p_word, '0134578', 'oieastb') in (
        'oh', 'zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'
      )
      then ' ' || private.spell_out(translate(p_word, '0134578', 'oieastb')) || ' '
    else '|' || translate(p_word, 'abcdefghijklmnopqrstuvwxyz', repeat('|', 26)) || '|'
  end;
end;
$$;

comment on function private.number_of_word is 'Return the piece of a word that is neither a number nor a numeral: number words in one, letters for digits, or digits among letters.';

create or replace function private.number_pieces(p_tokens private.filter_token[])
returns text[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    with numeral as (
      select
        token.n,
        token.word,
        token.gap,
        known.kind,
        known.value,
        token.word <> '' and translate(token.word, '0123456789', '') = '' as is_digits,
        lag(token.gap) over sequence as gap_before,
        lag(known.kind) over sequence as kind_before,
        lag(known.value) over sequence as value_before,
        lead(known.kind) over sequence as kind_after,
        lead(known.value) over sequence as value_after,
        private.is_date(
          token.word, lead(token.word) over sequence, lead(token.word, 2) over sequence,
          token.gap, lead(token.gap) over sequence, lead(token.gap, 2) over sequence
        ) as is_date
      from unnest(p_tokens) as token
      left join private.filter_numerals as known on known.word = token.word
      window sequence as (order by token.n)
    )

    select array_agg(piece.text order by piece.n)
    from (
      select
        numeral.n,
        case
          when
            numeral.is_date or lag(numeral.is_date) over sequence
            or lag(numeral.is_date, 2) over sequence
            then '|'
          when numeral.is_digits
            then
              private.piece_of_digits(
                numeral.word, numeral.gap_before, numeral.gap, numeral.kind_after = 'unit',
                case when numeral.kind_before = 'multiplier' then numeral.value_before end
              )
          when numeral.kind is null or numeral.kind = 'unit'
            then private.number_of_word(numeral.word)
          else
            private.piece_of_numeral(
              numeral.kind, numeral.value, numeral.kind_before, numeral.value_before,
              numeral.kind_after, numeral.value_after
            )
        end as text
      from numeral
      window sequence as (order by numeral.n)
    ) as piece
  );
end;
$$;

comment on function private.number_pieces is 'Return for each word its digits between blanks, or a bar for a word that is no number. A tilde follows an amount, a comma a number of a list.';

create function private.piece_of_digits(
  p_digits text, p_gap_before text, p_gap text, p_has_unit boolean, p_times text
)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return ' ' || repeat(p_digits, coalesce(p_times::integer, 1))
    || case
      -- No amount begins with a zero.
      when p_gap_before = '.' and char_length(p_digits) < 3 then '~'
      when (left(p_digits, 1) <> '0' or p_digits = '0') and (p_has_unit or strpos(p_gap_before, '$') > 0) then '~'
      else ''
    end
    || case
      when translate(p_gap, ',/:;%"', '') <> p_gap then ', '
      when strpos(p_gap, '-') > 0 then '- '
      when p_gap = '.' then '. '
      else ' '
    end;
end;
$$;

comment on function private.piece_of_digits is 'Return the piece of a word of digits: a tilde marks an amount, and a comma, dash or point the separator after it.';

create function private.piece_of_numeral(
  p_kind text, p_value text, p_kind_before text, p_value_before text, p_kind_after text,
  p_value_after text
)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_kind = 'digit' and p_kind_after = 'plural' and p_value < 'F' then ' '
    when p_kind in ('digit', 'teen') and p_kind_before = 'multiplier'
      then ' ' || repeat(p_value, p_value_before::integer) || ' '
    when p_kind in ('digit', 'teen') then ' ' || p_value || ' '
    when p_kind = 'ten' and p_kind_after = 'digit' and p_value_after between 'B' and 'J'
      then ' ' || p_value || ' '
    when p_kind = 'ten' then ' ' || p_value || 'A '
    when p_kind = 'hundred' and p_kind_before is null then '|'
    when p_kind = 'hundred' and p_kind_after in ('ten', 'teen') then ' '
    when p_kind = 'hundred' then ' AA '
    when p_kind = 'plural' and p_kind_before = 'digit' and p_value_before < 'F'
      then ' ' || repeat(p_value, ascii(p_value_before) - 65) || ' '
    when p_kind = 'plural' then '|'
    else ' '
  end;
end;
$$;

comment on function private.piece_of_numeral is 'Return the piece of a numeral between the numerals before and after it.';

create function private.is_date(
  p_first text, p_second text, p_third text, p_gap text, p_next_gap text, p_last_gap text
)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- A month and a year.
  if
    p_gap in ('/', '-') and char_length(p_first) <= 2 and lpad(p_first, 2, '0') between '01' and '12'
    and char_length(p_second) = 4 and p_second between '1900' and '2099'
    and p_next_gap is distinct from p_gap
  then
    return true;
  end if;
  if
    p_gap not in ('/', '-', '.') or p_next_gap is distinct from p_gap or p_last_gap = p_gap
    or translate(p_first || p_second || p_third, '0123456789', '') <> ''
    or char_length(p_second) > 2
  then
    return false;
  end if;
  return lpad(p_second, 2, '0') between '01' and '31'
    and (
      (
        char_length(p_first) <= 2 and lpad(p_first, 2, '0') between '01' and '31'
        and (p_third between '1900' and '2099' or p_third between '10' and '35')
        and char_length(p_third) in (2, 4)
      )
      or (
        p_first between '1900' and '2099' and char_length(p_first) = 4
        and char_length(p_third) = 2 and p_third between '01' and '31'
      )
    );
end;
$$;

comment on function private.is_date is 'Return true if three numbers and the separators after them write a date.';

create or replace function private.number_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_pieces constant text[] := private.number_pieces(p_tokens);
  v_starts integer[];
  v_text text := array_to_string(v_pieces, '');
begin
  if translate(v_text, '| ~,^.-', '') = '' then
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
  return private.phone_shapes(
    translate(v_text, 'ABCDEFGHIJabcdefghij', '0123456789||||||||||'), v_starts
  )
  || private.weak_shapes(
    translate(v_text, 'ABCDEFGHIJabcdefghij', '0123456789||||||||||'), v_starts
  )
  || case
    when translate(v_text, 'abcdefghij', '') <> v_text
      then private.phone_shapes(
        translate(v_text, 'ABCDEFGHIJabcdefghij', '01234567890123456789'), v_starts
      )
  end
  || private.described_numbers(
    translate(v_text, 'ABCDEFGHIJabcdefghij', '||||||||||||||||||||'), v_starts
  )
  || private.described_numbers(
    translate(v_text, 'ABCDEFGHIJabcdefghij', '0123456789||||||||||'), v_starts
  );
end;
$$;

comment on function private.number_marks is 'Return the numbers of a text, each with the class of its shape. Words with another meaning, such as "for", count as digits in a second try.';

create function private.phone_shapes(p_digits text, p_starts integer[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- Two digits may have blanks, amounts and separators between them. A word, which is a bar, ends a
  -- number.
  return private.shape_marks(
    p_digits, p_starts, '{mobile,landline,freecall}',
    '[ |~,^.-](?:('
    '(?:0[ ~,^.-]*0[ ~,^.-]*(?:1[ ~,^.-]*1[ ~,^.-]*)?)?6[ ~,^.-]*1[ ~,^.-]*(?:0[ ~,^.-]*)?'
    '4(?:[ ~,^.-]*[0-9]){8}'
    '|0[ ~,^.-]*4(?:[ ~,^.-]*[0-9]){8})'
    '|('
    '(?:0[ ~,^.-]*0[ ~,^.-]*(?:1[ ~,^.-]*1[ ~,^.-]*)?)?6[ ~,^.-]*1[ ~,^.-]*(?:0[ ~,^.-]*)?'
    '[2378](?:[ ~,^.-]*[0-9]){8}'
    '|0[ ^]*[2378](?:[ ~,^.-]*[0-9]){8})'
    '|(1[ ,.-]*[38][ ,.-]*0[ ,.-]*0(?:[ ,.-]*[0-9]){6}))[ |~,^.-]'
  );
end;
$$;

comment on function private.phone_shapes is 'Return the full phone numbers in a text of pieces.';

create function private.weak_shapes(p_digits text, p_starts integer[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return private.shape_marks(
    p_digits, p_starts, '{backwards,bare_mobile,bare_digits,bare_landline,short_number}',
    '[ |](?:((?:[0-9][ ~,^.-]*){8}(?:4[ ~,^.-]*0|4[ ~,^.-]*1[ ~,^.-]*6))'
    '|(4[0-9]{8}|4(?: +[0-9]){8}|4[0-9]{2}[ .-]+[0-9]{3}[ .-]+[0-9]{3}|4[0-9]{2}[ .-]+[0-9]{6})'
    '|(4(?:[ ,^.-]*[0-9]){8})'
    '|([3-9][0-9]{3} +(?:[03-9][0-9]{3}|1[0-8][0-9]{2}|2[1-9][0-9]{2}))'
    '|(1[ ,]*3(?:[ ,]*[0-9]){4}))[ |,.-]'
  ) || private.shape_marks(
    p_digits, p_starts, '{card_solid,card,bsb_account,bank_account,abn_digits,account_digits}',
    '[ |,](?:([2-6][0-9]{15}|3[47][0-9]{13})'
    '|([2-6](?:[ .-]*[0-9]){15}|3[ .-]*[47](?:[ .-]*[0-9]){13})'
    '|([0-9]{3}- *[0-9]{3}[ ,]+[0-9](?:[ .-]*[0-9]){5,9})'
    '|((?:[0-9][ ,^-]*){6} [0-9](?:[ ^-]*[0-9]){5,9})'
    '|([0-9](?:[ .-]*[0-9]){10})'
    '|([0-9](?:[ ^-]*[0-9]){5,9}))[ |,^]'
  );
end;
$$;

comment on function private.weak_shapes is 'Return numbers in a text of pieces that are phone, bank or card numbers if the words around them say so.';

create function private.described_numbers(p_digits text, p_starts integer[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return private.shape_marks(
    p_digits, p_starts, '{scattered_mobile}',
    '[ |,]((?:6[^0-9~]{0,4}1[^0-9~]{0,7}|0[^0-9~]{0,7})4(?:[^0-9~]{0,7}[0-9]){8})[ |,.-]'
  ) || private.shape_marks(
    p_digits, p_starts, '{described_mobile,described_landline,described_bare,tail_and_head}',
    '[ |~,](?:((?:6[^0-9]{0,9}1[^0-9]{0,24}|0[^0-9]{0,24})4(?:[^0-9]{0,40}[0-9]){8})'
    '|(0[^0-9]{0,24}[2378](?:[^0-9]{0,40}[0-9]){8})'
    '|(4(?:[^0-9]{0,40}[0-9]){8})'
    '|([0-9](?:[ .-]*[0-9]){5}[^0-9]{1,40}0[ ]*4[ ]*[0-9][ ]*[0-9]))[ |~,]'
  );
end;
$$;

comment on function private.described_numbers is 'Return the phone numbers in a text of pieces whose digits have words between them.';

create function private.shape_marks(
  p_digits text, p_starts integer[], p_classes text[], p_pattern text
)
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_digits constant text := ' ' || p_digits || ' ';
  v_marks private.filter_mark[] := '{}';
  v_found text[];
  v_from integer := 1;
  v_place integer;
  v_n integer;
begin
  for v_found in select regexp_matches(v_digits, p_pattern, 'g') loop
    v_n := array_position(v_found, array_to_string(v_found, ''));
    v_place := v_from - 1 + strpos(substr(v_digits, v_from), v_found[v_n]);
    v_from := v_place + char_length(v_found[v_n]);
    if p_classes[v_n] not in ('card', 'card_solid') or private.is_luhn(v_found[v_n]) then
      v_marks := v_marks || (
        p_classes[v_n],
        -- The text has one blank more in front than the pieces.
        2 * width_bucket(v_place - 1, p_starts),
        2 * width_bucket(v_from - 2, p_starts)
      )::private.filter_mark;
    end if;
  end loop;
  return v_marks;
end;
$$;

comment on function private.shape_marks is 'Return the matches of a pattern, each with the class of its group and the words it covers. Exactly one group of the pattern matches.';

create function private.is_luhn(p_digits text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select sum(
      case
        when digit.n % 2 = 1 then digit.glyph::integer
        else digit.glyph::integer * 2 / 10 + digit.glyph::integer * 2 % 10
      end
    ) % 10 = 0
    from
      string_to_table(reverse(translate(p_digits, ' .-', '')), null)
      with ordinality as digit (glyph, n)
  );
end;
$$;

comment on function private.is_luhn is 'Return true if the digits have the check digit of a card number.';

comment on function private.filter_tokens is 'Split a folded text into words of letters and digits, each with the separator after it. Only the first and the last word may be empty.';

create or replace function private.word_marks(p_tokens private.filter_token[])
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
        token.gap,
        lead(token.word) over sequence as second,
        lead(token.word, 2) over sequence as third,
        lead(token.word, 3) over sequence as fourth,
        translate(token.gap, '@$!|*', 'asili') as sign,
        lead(translate(token.gap, '@$!|*', 'asili')) over sequence as next_sign
      from unnest(p_tokens) as token
      window sequence as (order by token.n)
    )

    select array_agg((known.class, phrase.first, phrase.last)::private.filter_mark)
    from piece
    cross join lateral (
      values
      (piece.word, 2 * piece.n, 2 * piece.n),
      (private.gap_sign(piece.gap), 2 * piece.n + 1, 2 * piece.n + 1),
      (piece.word || piece.second, 2 * piece.n, 2 * piece.n + 2),
      (piece.word || piece.second || piece.third, 2 * piece.n, 2 * piece.n + 4),
      (piece.word || piece.second || piece.third || piece.fourth, 2 * piece.n, 2 * piece.n + 6),
      -- Digits and signs in place of letters.
      (
        case
          when translate(piece.word, '0134578', '') not in (piece.word, '')
            then translate(piece.word, '0134578', 'oieastb')
        end,
        2 * piece.n, 2 * piece.n
      ),
      (
        case
          when
            strpos(piece.word, '1') > 0 and translate(piece.word, '0134578', '') <> ''
            then translate(piece.word, '0134578', 'oleastb')
        end,
        2 * piece.n, 2 * piece.n
      ),
      (
        case
          when char_length(piece.sign) = 1 and piece.sign in ('a', 's', 'i', 'l')
            then translate(piece.word || piece.sign || piece.second, '0134578', 'oieastb')
        end,
        2 * piece.n, 2 * piece.n + 2
      ),
      (
        case
          when piece.sign in ('a', 's', 'i', 'l') and piece.next_sign in ('a', 's', 'i', 'l')
            then piece.word || piece.sign || piece.second || piece.next_sign || piece.third
        end,
        2 * piece.n, 2 * piece.n + 4
      ),
      -- Names of services, without their vowels.
      (
        case
          when char_length(piece.word) between 5 and 12 and right(piece.word, 2) <> 'up'
            then '~' || translate(piece.word, 'kaeiouyh', 'c')
        end,
        2 * piece.n, 2 * piece.n
      ),
      (
        case
          when
            char_length(piece.gap) = 1 and char_length(piece.word || piece.second) between 6 and 12
            and right(piece.second, 2) <> 'up'
            then '~' || translate(piece.word || piece.second, 'kaeiouyh', 'c')
        end,
        2 * piece.n, 2 * piece.n + 2
      )
    ) as phrase (word, first, last)
    inner join private.filter_words as known on known.word = phrase.word
  );
end;
$$;

create function private.gap_sign(p_gap text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when strpos(p_gap, '@') > 0 then '@'
    -- A full stop ends a sentence, unless nothing or blanks surround it.
    when p_gap in ('. ', E'.\n', ', ', ',') then ','
    when p_gap = ' - ' or strpos(p_gap, '->') > 0 or strpos(p_gap, '=>') > 0 then ':'
    else nullif(translate(p_gap, E' \n()[]{}<>"''*~_', ''), '')
  end;
end;
$$;

comment on function private.gap_sign is 'Return the sign that a separator stands for.';

create function private.shape_of_word_marks(p_tokens private.filter_token[])
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
        token.gap,
        lag(token.gap) over sequence as gap_before,
        lead(token.gap) over sequence as next_gap,
        lead(token.word) over sequence as second,
        translate(token.word, 'abcdefghijklmnopqrstuvwxyz', '') as digits,
        translate(token.word, '0123456789', '') as letters
      from unnest(p_tokens) as token
      window sequence as (order by token.n)
    )

    select array_agg((found.class, 2 * piece.n + found.first, 2 * piece.n + found.last)::private.filter_mark)
    from piece
    cross join lateral (
      values
      ('stop', 1, 1, translate(piece.gap, E'.!?;\n', '') <> piece.gap and piece.gap <> '.'),
      ('pause', 1, 1, translate(piece.gap, E'.!?;\n,', '') <> piece.gap and piece.gap <> '.'),
      (
        'handle_sign', 1, 2,
        right(piece.gap, 1) = '@' and left(piece.second, 1) between 'a' and 'z'
        and (piece.word = '' or piece.gap <> '@') and char_length(piece.second) > 2
      ),
      (
        'tight_at', 0, 2,
        piece.gap = '@' and left(piece.second, 1) between 'a' and 'z' and piece.letters <> ''
      ),
      (
        'at_sign', 0, 0,
        piece.word in ('at', 'a') and right(piece.gap_before, 1) in ('(', '[', '{', '<', '_', '*', '-')
        and left(piece.gap, 1) in (')', ']', '}', '>', '_', '*', '-')
      ),
      ('tight_dot', 1, 1, piece.gap in ('.', E'.\n') and piece.word <> ''),
      (
        'url_like', 0, 4,
        piece.gap = '.' and left(piece.next_gap, 1) = '/' and char_length(piece.next_gap) < 4
        and piece.letters <> '' and piece.second > 'a' and char_length(piece.second) > 1
      ),
      (
        'unknown', 0, 0,
        piece.digits = '' and char_length(piece.word) > 2 and not exists (
          select from private.filter_words as known where known.word = piece.word
        )
      ),
      ('cashtag', 1, 2, right(piece.gap, 1) = '$' and piece.second > 'a'),
      (
        'long_code', 0, 0,
        char_length(piece.word) between 15 and 80 and piece.digits <> '' and piece.letters <> ''
      ),
      ('slash', 1, 1, left(piece.gap, 1) = '/' and piece.gap <> '/ '),
      (
        'handle_like', 0, 0,
        piece.digits <> '' and char_length(piece.letters) > 2
        and char_length(piece.word) between 5 and 24 and left(piece.word, 1) between 'a' and 'z'
      ),
      (
        'handle_like', 0, 2,
        (strpos(piece.gap, '_') > 0 or piece.gap in ('.', '#')) and char_length(piece.word) > 1
        and piece.letters <> ''
        and piece.second <> ''
      ),
      (
        'wallet', 0, 0,
        char_length(piece.word) between 26 and 80 and char_length(piece.digits) > 2
        and char_length(piece.letters) > 5
      )
    ) as found (class, first, last, is_found)
    where found.is_found
  );
end;
$$;

comment on function private.shape_of_word_marks is 'Return classes that follow from the form of words and separators.';

create function private.glued_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select array_agg((known.class, 2 * token.n, 2 * token.n)::private.filter_mark)
    from unnest(p_tokens) as token
    inner join private.filter_words as part
      on part.class = 'glued' and strpos(token.word, part.word) > 0
    inner join private.filter_words as known on part.word = known.word
    where char_length(token.word) > 6
  );
end;
$$;

comment on function private.glued_marks is 'Return the classes of names of services inside longer words.';

create or replace function private.rule_findings(
  p_tokens private.filter_token[], p_marks private.filter_mark[], p_stage text
)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    with seen as materialized (
      select distinct mark.class, mark.first, mark.last
      from unnest(p_marks) as mark
    ),

    stops as materialized (
      select coalesce(array_agg(seen.first order by seen.first), '{}') as places
      from seen
      where seen.class = 'pause'
    ),

    mark as materialized (
      select seen.class, seen.first, seen.last, width_bucket(seen.first, stops.places) as clause
      from seen
      cross join stops
      -- "why not" and "no worries" deny nothing.
      where seen.class <> 'neg' or not exists (
        select from seen as other
        where other.class = 'positive' and other.first <= seen.first and other.last >= seen.last
      )
    ),

    -- Rows for the two stretches of 64 words in which a mark can be near. They let the joins below
    -- compare few pairs, so that the time grows with the text and not with its square.
    near as materialized (
      select
        mark.class,
        mark.first,
        mark.last,
        mark.clause,
        mark.first / 128 - shift as stretch
      from mark
      cross join generate_series(0, 1) as shift
    ),

    rule as materialized (
      select candidate.*
      from private.filter_rules as candidate
      where candidate.active
        and p_stage = any(candidate.stages)
        and candidate.pattern <@ (select array_agg(mark.class) from mark)
    ),

    hit as materialized (
      select distinct
        rule.rule,
        rule.kind,
        rule.reason_code,
        rule.weight,
        rule.unless,
        rule.unless_near,
        one.clause,
        one.first,
        -- The span has the detail alone, without the words that announce it.
        case when one.class like '%\_cue' then two.first else one.first end as span_first,
        case
          when four.class is null and three.class is null and two.class like '%\_cue' then one.last
          else coalesce(four.last, three.last, two.last, one.last)
        end as span_last,
        coalesce(four.clause, three.clause, two.clause, one.clause) as last_clause,
        coalesce(four.last, three.last, two.last, one.last) as last
      from rule
      inner join mark as one on one.class = rule.pattern[1]
      left join near as two
        on two.class = rule.pattern[2] and two.stretch = one.last / 128
        and two.first between one.last + 1 and one.last + 2 * rule.gap + 2
      left join near as three
        on three.class = rule.pattern[3] and three.stretch = two.last / 128
        and three.first between two.last + 1 and two.last + 2 * rule.gap + 2
      left join near as four
        on four.class = rule.pattern[4] and four.stretch = three.last / 128
        and four.first between three.last + 1 and three.last + 2 * rule.gap + 2
      where (two.class is not null)::integer + (three.class is not null)::integer
        + (four.class is not null)::integer + 1 = cardinality(rule.pattern)
    ),

    kept as (
      select
        hit.*,
        max(hit.last) over (
          partition by hit.rule order by hit.first, hit.last desc
          rows between unbounded preceding and 1 preceding
        ) as last_before
      from hit
      where not exists (
        select from near
        where near.class = hit.unless and near.stretch = (hit.first - 8) / 128
          and near.last >= hit.first - 8 and near.first <= hit.last
          and near.clause between hit.clause and hit.last_clause
      ) and not exists (
        select from near
        where near.class = hit.unless_near and near.stretch = (hit.first - 8) / 128
          and near.last >= hit.first - 8 and near.first <= hit.last + 8
          and near.clause between hit.clause and hit.last_clause
      )
    ),

    blank as materialized (
      select coalesce(array_agg(token.n order by token.n), '{}') as places
      from unnest(p_tokens) as token
      where translate(token.gap, E' \n\t', '') <> token.gap
    )

    select array_agg((
      kept.rule, kept.reason_code, kept.weight,
      p_tokens[
        case
          when kept.kind = 'proposal' then greatest(kept.span_first / 2, 1)
          else 1 + coalesce(
            blank.places[width_bucket(greatest(kept.span_first / 2, 1) - 1, blank.places)], 0
          )
        end
      ].start_at,
      p_tokens[least(
        case
          when kept.kind = 'proposal' then (kept.span_last + 1) / 2
          else coalesce(
            blank.places[width_bucket((kept.span_last + 1) / 2 - 1, blank.places) + 1],
            cardinality(p_tokens)
          )
        end,
        cardinality(p_tokens)
      )].end_at,
      kept.kind
    )::private.filter_finding)
    from kept
    cross join blank
    -- A match inside a wider one of the same rule says nothing new.
    where kept.last_before is null or kept.last_before < kept.last
  );
end;
$$;

create function private.findings_of_reading(p_reading private.folded_text, p_stage text)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_tokens constant private.filter_token[] := private.filter_tokens(p_reading.folded);
  v_findings constant private.filter_finding[] := private.rule_findings(
    v_tokens,
    private.word_marks(v_tokens) || private.shape_of_word_marks(v_tokens)
    || private.glued_marks(v_tokens) || private.number_marks(v_tokens),
    p_stage
  );
begin
  if p_reading.origins is null then
    return v_findings;
  end if;
  return array(
    select (
      hit.rule, hit.reason_code, hit.score,
      least(p_reading.origins[hit.start_at + 1], p_reading.origins[hit.end_at]) - 1,
      greatest(p_reading.origins[hit.start_at + 1], p_reading.origins[hit.end_at]),
      hit.kind
    )::private.filter_finding
    from unnest(v_findings) as hit
  );
end;
$$;

comment on function private.findings_of_reading is 'Return the rules that one reading of a text breaks, with the spans in the text as it was written.';

create or replace function private.filter_findings(p_text text, p_stage text)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_reading private.folded_text;
  v_findings private.filter_finding[] := '{}';
begin
  foreach v_reading in array private.readings_of_text(private.fold_text(p_text)) loop
    v_findings := v_findings || private.findings_of_reading(v_reading, p_stage);
  end loop;
  return array(
    select (hit.rule, hit.reason_code, hit.score, hit.start_at, hit.end_at, hit.kind)
    ::private.filter_finding
    from (
      select
        part.*,
        max(part.end_at) over wider as end_before,
        max(part.score) over wider as score_before
      from unnest(v_findings) as part
      window wider as (
        partition by part.reason_code order by part.start_at, part.end_at desc, part.score desc
        rows between unbounded preceding and 1 preceding
      )
    ) as hit
    -- A milder finding inside a wider one says nothing new.
    where hit.end_before is null or hit.end_at > hit.end_before or hit.score > hit.score_before
  );
end;
$$;

comment on function private.filter_findings is 'Return the rules that a text breaks at a stage, with the spans in the text.';

create or replace function private.filter_message(p_text text, p_earlier text[], p_stage text)
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
    where hit.start_at >= v_start or (hit.end_at > v_start and hit.kind <> 'proposal')
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
