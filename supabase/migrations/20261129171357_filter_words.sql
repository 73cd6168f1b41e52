set lock_timeout = '2s';
set statement_timeout = '30s';

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.with_ascii_digits;

-- No client calls it.
-- squawk-ignore ban-drop-function
drop function private.has_contact_details;

delete from private.filter_numerals;

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
  ('device', 'appstore bag compatible download downloaded facebookmarketplace fbmarketplace'),
  ('device', 'instalight install installed installing instapot loaded logged login notification'),
  ('device', 'notifications playstore preinstalled run running runs screen sideload sign'),
  ('device', 'smartwatch support supported supports tablet viberating'),
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
  ('your_number', 'acontactnumber amobilenumber anemail anumberi anumberto anumberyou'),
  ('your_number', 'aphonenumber bestcontact bestemail bestnumber bestphone bytext contactdetails'),
  ('your_number', 'contactinfo directline directnumber exchangenumbers fonenumba fonenumber'),
  ('your_number', 'havecontact mobileplease mobilepls mobno mobnumber mycell mycontact mydigits'),
  ('your_number', 'myemail myemailaddress mymob mymobilenumber mynum mynumba mynumber'),
  ('your_number', 'myphonenumber needyournumber numberplease numberpleasemate numberpls'),
  ('your_number', 'personalemail personalnumber phno phonenum phonenumba phonenumberplease'),
  ('your_number', 'phonenumberpls swapnumbers swappingnumbers theirnumber thephonenumber'),
  ('your_number', 'urdetails urdigits uremail urfone urmob urmobileno urmobilenumber urnum'),
  ('your_number', 'urnumber urphonenumber viatext yourcell yourcontact yourcontactdetails'),
  ('your_number', 'yourcontacts yourdetails yourdigits youremail youremailaddress yourfone'),
  ('your_number', 'yourmob yourmobileno yourmobilenumber yourmobilenumberplease yournum'),
  ('your_number', 'yournumba yournumber yournumberplease yourphonenumber yourwhatsapp'),
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
  ('offsite', 'outsidethesite paydirect privatedeal pullthead pullthelisting selldirect'),
  ('offsite', 'sellprivately sendthemoney sidechannel sidedeal sidestep takeaddown taketheaddown'),
  ('offsite', 'takethelistingdown underthetable usinganotherapp withoutgoingthrough'),
  ('offsite', 'withouttheapp withouttheircut withouttheirfees withoutthem withoutthesite'),
  ('avoid', 'around avoid avoiding beat bypass bypassing cut cutting ditch dodge dodging eats'),
  ('avoid', 'escape evade less lose losing minus pocket rid save saves saving skip skipping'),
  ('avoid', 'split stops without'),
  ('fee', 'commission commissions cut fee fees percent surcharge'),
  ('fee_safe', 'booking courier delivery entry freight late membership parking postage rego'),
  ('fee_safe', 'shipping'),
  ('deal', 'arrange buy chat complete conduct conducting deal do done finish go handle negotiate'),
  ('deal', 'pay purchase sale sell settle sort speak talk trade transact transaction'),
  ('deal', 'transactions transfer'),
  ('direct', 'direct directly offline outside private privately'),
  ('direct_safe', 'directdrive directflight directfrom directinjection directpost directsunlight'),
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
  ('bank', 'accname accountdetails acctname bank2bank bankaccount bankdeets bankdep bankdeposit'),
  ('bank', 'bankdetails bankinfo bankingdetails bankinginfo banktfr banktobank banktrans'),
  ('bank', 'banktransfer banktransfers bankwire bankxfer bsb bsbnumber btfr btransfer commbank'),
  ('bank', 'directcredit directdebit directdeposit directtransfer eft electronictransfer iban'),
  ('bank', 'instanttransfer internetbanking intomybank mybank netbank nppp onlinetransfer'),
  ('bank', 'swiftbic swiftcode tomybank toyourbank transferthemoney wireit wireme wirethe'),
  ('bank', 'wirethemoney wiretransfer wireyou yourbank'),
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
  ('gift', 'playvouchers prepaidcard prepaidcards prepaidvisa prepaidvisacards psncard psncards'),
  ('gift', 'razergold redeemcode redeemcodes steamcard steamcards steamgiftcard vanillacard'),
  ('gift', 'vanillaprepaid visacard visacards visagiftcard voucher vouchers woolies'),
  ('gift', 'woolworthsgiftcard xboxcard xboxcards'),
  ('neg', 'against arent avoid avoiding cannot cant didnt doesnt donot dont insteadof isnt nah'),
  ('neg', 'neither never no nor not refuse without wont wouldnt'),
  ('positive', 'donthave dontmind dontneed dontuseebay dontworry ifnot letsnotinvolve'),
  ('positive', 'nocommission nodrama nodramas nofee nofees nohassle nohurry noissue noissues'),
  ('positive', 'nomiddleman noneed noproblem noreason norush noscam nostress notabigdeal'),
  ('positive', 'notascam notfussed notinvolve notsure notthroughhere notusethesite notviahere'),
  ('positive', 'nowebsite noworries whydont whynot withoutebay withoutgoingthrough withouttheapp'),
  ('positive', 'withouttheircut withouttheirfees withoutthem withoutthesite wouldntit'),
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
  ('network', 'minecraft myspace patreon pinterest poshmark psn reddit roblox snap steam strava'),
  ('network', 'teams thegram twitch vinted wechat xbox youtube'),
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
  ('number_safe', 'mynumberone numberplate numberplates yournumberplate'),
  ('as', 'as'),
  ('wise', 'wise'),
  ('pay_with', 'accept instead pay paying payment prefer swap take trade via with')
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
  'neg', 'number_safe', 40, 'CONTACT_PROPOSAL', '{strict}'
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
  1, 'wise_name', 'payment', '{wise,handle_cue}', 1,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order}'
),
(
  1, 'account_more', 'payment', '{account_cue,seven_digits}', 3,
  'id_cue', null, 75, 'BANK_ACCOUNT', '{strict,order}'
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
  null, 'direct_safe', 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'cancel_direct', 'proposal', '{cancel,direct}', 10,
  null, null, 45, 'OFF_PLATFORM', '{strict,order}'
),
(1, 'name_digits', 'contact', '{seven_digits}', 0, null, null, 65, 'PHONE_NUMBER', '{name}')
on conflict do nothing;

create or replace function private.display_name_refusal(p_name text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  -- A name may contain no blank but the space, no joiner and no variation selector. So names that
  -- look alike are equal.
  if
    coalesce(
      octet_length(p_name) > 160
      or char_length(p_name) > 40
      or p_name <> private.plain_line(p_name)
      or private.visible_length(p_name) < 3
      or p_name collate "C"
      ~ '[\u00a0\u1680\u2000-\u200d\u202f\u205f\u2800\u3000\ufe00-\ufe0f\U000e0100-\U000e01ef]',
      true
    )
  then
    return 'Display name must be 3 to 40 visible characters';
  end if;
  -- The default name has six hexadecimal digits, which can look like a phone number.
  if
    p_name collate "C" !~ '^(member|deleted)-[0-9a-f]{6}$'
    and cardinality(private.filter_findings(p_name, 'name')) > 0
  then
    return 'Display name must not contain contact details';
  end if;
  return null;
end;
$$;

create or replace function private.add_dispute_message(
  p_dispute_id uuid, p_content text, p_is_internal boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('add_dispute_message', p_client_request_id);
  v_content constant text := private.plain_text(p_content, 1000);
  v_dispute public.disputes;
  v_message_id uuid;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  select * into v_dispute from public.disputes where id = p_dispute_id;
  v_answer := coalesce(
    private.dispute_writer_refusal(v_dispute, coalesce(p_is_internal, false)),
    case
      when coalesce(private.visible_length(v_content), 0) < 1 or char_length(v_content) > 1000
        then private.refusal('VALIDATION_ERROR', 'A message has 1 to 1000 characters')
    end,
    -- Staff may quote the details that a party wrote elsewhere.
    case when not private.is_staff() then private.payment_text_refusal('content', v_content) end,
    private.use_rate_limit('add_dispute_message')
  );
  if v_answer is null then
    insert into public.dispute_messages (
      dispute_id, sender_id, message_type, content, is_internal
    )
    values (
      p_dispute_id, auth.uid(),
      case
        when auth.uid() in (v_dispute.initiator_id, v_dispute.respondent_id) then 'user'
        else 'admin'
      end::public.dispute_message_type,
      v_content, coalesce(p_is_internal, false)
    )
    returning id into v_message_id;
    v_answer := jsonb_build_object('success', true, 'message_id', v_message_id);
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

create or replace function private.open_dispute(
  p_order_id uuid, p_dispute_type text, p_reason text, p_description text,
  p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request('open_dispute', p_client_request_id);
  v_order public.orders;
  v_dispute public.disputes;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  -- Check the caller before locking, so another user's calls cannot delay the order.
  select * into v_order from public.orders where id = p_order_id;
  v_answer := private.disputant_refusal(v_order);
  if v_answer is null then
    select * into v_order from public.orders where id = p_order_id for update;
    v_dispute := private.new_dispute(v_order, p_dispute_type, p_reason, p_description);
    v_answer := coalesce(
      private.new_dispute_refusal(v_order, v_dispute),
      private.payment_text_refusal('reason', v_dispute.reason),
      private.payment_text_refusal('description', v_dispute.description),
      -- Count the call last, so that the person may try again after a mistake.
      private.use_rate_limit('open_dispute'),
      private.store_dispute(v_order, v_dispute)
    );
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;

create or replace function private.spell_out(p_word text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_words constant text[] := array[
    'zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ohh', 'won',
    'too', 'tree', 'for', 'oh', 'ate', 'free', 'nought', 'naught'
  ];
  v_digits constant text := 'ABCDEFGHIJABCDEAIDAA';
  v_tens constant text[] := array[
    'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'
  ];
  v_text text := p_word;
begin
  if strpos(v_text, 'ty') > 0 then
    for v_n in 1..8 loop
      v_text := replace(v_text, v_tens[v_n], chr(66 + v_n) || '#');
    end loop;
    v_text := replace(regexp_replace(v_text, '#([1-9]|[a-z])', '\1', 'g'), '#', 'A');
  end if;
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

create or replace function private.number_of_word(p_word text)
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
    when ltrim(p_word, '0123456789') in ('gb', 'tb', 'g')
      then '|' || rtrim(p_word, 'gbt') || '|'
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
        lead(known.kind, 2) over sequence as kind_third,
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
              -- "Five hundred and seventy" is "five hundred seventy".
              case
                when numeral.kind = 'hundred' and numeral.kind_after = 'filler'
                  then numeral.kind_third
                else numeral.kind_after
              end,
              numeral.value_after
            )
        end as text
      from numeral
      window sequence as (order by numeral.n)
    ) as piece
  );
end;
$$;

create or replace function private.piece_of_digits(
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
      when p_gap_before = '.' and p_gap not in ('.', '-') and char_length(p_digits) < 3 then '~'
      when (left(p_digits, 1) <> '0' or p_digits = '0') and (p_has_unit or strpos(p_gap_before, '$') > 0) then '~'
      else ''
    end
    || case
      when translate(p_gap, ',/:;%"', '') <> p_gap then ', '
      when strpos(p_gap, '-') > 0 then '- '
      when p_gap = '.' then '. '
      -- An exclamation mark may stand for a one.
      when left(p_gap, 1) in ('!', '|') then ' b '
      else ' '
    end;
end;
$$;

create or replace function private.phone_shapes(p_digits text, p_starts integer[])
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
    '|0[ ^]*[2378](?:[ ~,^.-]*[0-9]){8}'
    '|0[ ~,^.-]+[2378](?:[ ~,^.-]+[0-9]){8})'
    '|(1[ ,.-]*[38][ ,.-]*0[ ,.-]*0(?:[ ,.-]*[0-9]){6}))[ |~,^.-]'
  );
end;
$$;

create or replace function private.weak_shapes(p_digits text, p_starts integer[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return private.shape_marks(
    p_digits, p_starts, '{backwards,bare_mobile,bare_digits,short_number,bare_landline}',
    '[ |](?:((?:[0-9][ ~,^.-]*){8}(?:4[ ~,^.-]*0|4[ ~,^.-]*1[ ~,^.-]*6))'
    '|(4[0-9]{8}|4(?: +[0-9]){8}|4[0-9]{2}[ .-]+[0-9]{3}[ .-]+[0-9]{3}|4[0-9]{2}[ .-]+[0-9]{6})'
    '|(4(?:[ ,^.-]*[0-9]){8})'
    '|(1[ ,]*3(?:[ ,]*[0-9]){4}))[ |,.-]'
    -- No digit stands before or after a local number.
    '|(?:^|[|,.]) *([3-9][0-9]{3} +(?:[03-9][0-9]{3}|1[0-8][0-9]{2}|2[1-9][0-9]{2})) *(?:[|,.]|$)'
  ) || private.shape_marks(
    p_digits, p_starts, '{card_solid,card,bsb_account,bank_account,abn_digits,account_digits}',
    '[ |,](?:([2-6][0-9]{15}|3[47][0-9]{13}|3[068][0-9]{12})'
    '|([2-6](?:[ .-]*[0-9]){15}|3[ .-]*[47](?:[ .-]*[0-9]){13})'
    '|([0-9]{3}- *[0-9]{3}[ ,]+[0-9](?:[ .-]*[0-9]){5,9})'
    '|((?:[0-9][ ,^.-]*){6} [0-9](?:[ ^.-]*[0-9]){5,9})'
    '|([0-9](?:[ .-]*[0-9]){10})'
    '|([0-9](?:[ ^-]*[0-9]){5,9}))[ |,^]'
  ) || private.shape_marks(
    p_digits, p_starts, '{seven_digits}', '[ |,^]([0-9](?:[ ^.,-]*[0-9]){6,})[ |,^]'
  );
end;
$$;

create or replace function private.described_numbers(p_digits text, p_starts integer[])
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
    '|([0-9](?:[ .-]*[0-9]){2}[^0-9]{1,40}[0-9](?:[ .-]*[0-9]){2}'
    '[^0-9]{1,40}0 *4 *[0-9] *[0-9]'
    '|[0-9](?:[ .-]*[0-9]){5}[^0-9]{1,40}0 *4 *[0-9] *[0-9]))[ |~,]'
  );
end;
$$;

create function private.contact_text_refusal(p_title text, p_description text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_finding private.filter_finding;
  v_after_title constant integer := char_length(p_title) + 1;
begin
  -- One text, because a number may begin in the title and end in the description.
  select hit.* into v_finding
  from unnest(private.filter_findings(p_title || E'\n' || p_description, 'listing')) as hit
  order by hit.start_at, hit.score desc
  limit 1;
  if v_finding.rule is null then
    return null;
  end if;
  return private.refusal(
    'CONTACT_IN_TEXT', 'A listing cannot have contact or payment details in its texts'
  ) || case
    when v_finding.start_at < v_after_title
      then jsonb_build_object(
        'field', 'title', 'start', v_finding.start_at,
        'end', least(v_finding.end_at, v_after_title - 1)
      )
    else
      jsonb_build_object(
        'field', 'description', 'start', v_finding.start_at - v_after_title,
        'end', v_finding.end_at - v_after_title
      )
  end;
end;
$$;

comment on function private.contact_text_refusal is 'Return the refusal of a listing whose texts hold a contact or payment detail, with its span in the cleaned text, or null.';

create function private.payment_text_refusal(p_field text, p_text text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_finding private.filter_finding;
begin
  select hit.* into v_finding
  from unnest(private.filter_findings(p_text, 'order')) as hit
  where hit.score >= private.setting('filter_mask')::integer
  order by hit.start_at, hit.score desc
  limit 1;
  if v_finding.rule is null then
    return null;
  end if;
  return private.refusal('PAYMENT_IN_TEXT', 'This text cannot have payment details')
    || jsonb_build_object('field', p_field, 'start', v_finding.start_at, 'end', v_finding.end_at);
end;
$$;

comment on function private.payment_text_refusal is 'Return the refusal of a text that holds details for a payment outside the site, with its span in the cleaned text, or null. Other words about payment pass.';

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
        -- No phrase goes past a pause.
        case when private.joins(token.gap) then lead(token.word) over sequence end as second,
        case
          when private.joins(lead(token.gap) over sequence) then lead(token.word, 2) over sequence
        end as third,
        case
          when private.joins(lead(token.gap, 2) over sequence)
            then lead(token.word, 3) over sequence
        end as fourth,
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

create function private.joins(p_gap text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return translate(p_gap, ',;?!', '') = p_gap and p_gap <> '. ';
end;
$$;

comment on function private.joins is 'Return true if a phrase may go on after a separator.';

create or replace function private.shape_of_word_marks(p_tokens private.filter_token[])
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
      (
        'pause', 1, 1,
        translate(piece.gap, E'.!?;\n,', '') <> piece.gap and piece.gap <> '.'
        and piece.word not in ('no', 'nos', 'ref', 'vol')
      ),
      (
        'handle_sign', 2, 2,
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
      (
        'compound', 0, 2,
        piece.gap = '-' and piece.digits = '' and piece.second > 'a'
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
        partition by part.reason_code
        order by part.start_at, part.end_at desc, part.score desc, part.rule
        rows between unbounded preceding and 1 preceding
      )
    ) as hit
    -- A milder finding inside a wider one says nothing new.
    where hit.end_before is null or hit.end_at > hit.end_before or hit.score > hit.score_before
  );
end;
$$;

create or replace function private.message_spans(p_findings private.filter_finding[], p_messages text[])
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
      on message.length > 0 and hit.start_at < message.start_at + message.length
      and hit.end_at > message.start_at
  );
end;
$$;

create or replace function private.save_shipment(
  p_order_id uuid, p_user_id uuid, p_carrier text, p_tracking text, p_label_url text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_carrier constant text := private.plain_line(p_carrier, 64);
  v_tracking constant text := private.plain_line(p_tracking, 64);
  v_label_url constant text := nullif(btrim(p_label_url), '');
  v_order public.orders;
  v_refusal jsonb;
  v_shipment public.shipments;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  v_refusal := coalesce(
    private.shipper_refusal(v_order, p_user_id),
    private.shipment_refusal(v_carrier, v_tracking, v_label_url),
    private.payment_text_refusal('carrier', v_carrier),
    private.tracking_refusal(v_tracking),
    private.shipping_refusal(v_order)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  insert into public.shipments (order_id, carrier, tracking, label_url)
  values (p_order_id, v_carrier, v_tracking, v_label_url)
  on conflict (order_id) do update
  set
    carrier = excluded.carrier, tracking = excluded.tracking, label_url = excluded.label_url
  returning * into v_shipment;
  perform private.transition_order(p_order_id, 'shipped', p_user_id, 'seller', 'shipment_saved');
  return jsonb_build_object('success', true, 'shipment', to_jsonb(v_shipment));
end;
$$;

create function private.tracking_refusal(p_tracking text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_label constant text := 'tracking number ';
  v_refusal constant jsonb := private.payment_text_refusal('tracking', v_label || p_tracking);
begin
  -- After the label the filter takes a row of digits for no card number.
  return v_refusal || jsonb_build_object(
    'start', greatest((v_refusal ->> 'start')::integer - char_length(v_label), 0),
    'end', (v_refusal ->> 'end')::integer - char_length(v_label)
  );
end;
$$;

comment on function private.tracking_refusal is 'Return the refusal of a tracking number with details for a payment, or null.';

create or replace function private.add_shipment_event(
  p_order_id uuid, p_user_id uuid, p_event_id uuid, p_status text, p_description text,
  p_location text, p_event_time text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_status constant text := private.plain_line(p_status, 64);
  v_description constant text := private.plain_text(coalesce(p_description, ''), 512);
  v_location constant text := private.plain_line(coalesce(p_location, ''), 128);
  v_order public.orders;
  v_shipment public.shipments;
  v_event public.shipment_events;
  v_now timestamptz;
  v_event_time timestamptz;
  v_refusal jsonb;
begin
  select * into v_order from public.orders where id = p_order_id for update;
  select * into v_shipment from public.shipments where order_id = p_order_id;
  v_now := private.clock();
  v_event_time := case
    when p_event_time is null then v_now else private.time_or_null(p_event_time)
  end;
  v_refusal := coalesce(
    private.shipper_refusal(v_order, p_user_id),
    case when v_shipment.id is null
      then private.refusal('RESOURCE_NOT_FOUND', 'This order has no shipment yet')
    end,
    private.shipment_event_refusal(v_status, v_description, v_location, v_event_time, v_now),
    private.payment_text_refusal('description', v_description),
    private.payment_text_refusal('location', v_location)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  insert into public.shipment_events (
    id, shipment_id, status, description, location, event_time
  )
  values (
    p_event_id, v_shipment.id, v_status, nullif(v_description, ''), nullif(v_location, ''),
    v_event_time
  )
  -- The service repeats a call whose answer was lost.
  on conflict (id) do nothing;
  if found then
    perform private.follow_parcel(v_order, v_shipment.id, lower(v_status), v_event_time);
  end if;
  select * into v_event from public.shipment_events
  where id = p_event_id and shipment_id = v_shipment.id;
  return jsonb_build_object('success', true, 'event', to_jsonb(v_event));
end;
$$;

create or replace function private.change_listing(p_listing_id uuid, p_changes jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_auction public.auctions;
  v_listing public.listings;
  v_private private.listing_private;
  v_seller public.users;
  v_now timestamptz;
  v_refusal jsonb;
begin
  -- Check the owner before locking, so another user's calls cannot delay bidders.
  perform from public.listings where id = p_listing_id and seller_id = auth.uid();
  if not found then
    return private.refusal('LISTING_NOT_FOUND', 'Listing not found');
  end if;
  v_refusal := coalesce(
    private.use_rate_limit('update_listing'), private.changes_refusal(p_changes)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  -- Take the lock of place_bid too. A bid reads the reserve in the statement that waits for the
  -- row, so with the row lock alone a waiting bid would use the old reserve.
  perform pg_advisory_xact_lock(hashtextextended(id::text, 0)) from public.auctions
  where listing_id = p_listing_id;
  select * into v_auction from public.auctions where listing_id = p_listing_id for no key update;
  select * into v_listing from public.listings where id = p_listing_id for no key update;
  v_now := private.clock();
  if v_listing.status <> 'scheduled' or v_listing.start_at <= v_now then
    return private.refusal('LISTING_NOT_SCHEDULED', 'A listing cannot change once it has started');
  end if;
  select * into v_private from private.listing_private where listing_id = p_listing_id;
  select * into v_seller from public.users where id = v_listing.seller_id;

  v_refusal := private.seller_refusal(v_seller);
  if v_refusal is null then
    v_listing := private.changed_listing(v_listing, p_changes, v_now);
    v_private := private.changed_private(v_private, p_changes);
    v_refusal := coalesce(
      private.listing_refusal(v_listing, v_private.reserve_cents, v_private.street, v_now),
      private.contact_text_refusal(v_listing.title, v_listing.description)
    );
  end if;
  if v_refusal is not null then
    return v_refusal;
  end if;
  perform private.store_change(v_auction, v_listing, v_private);
  return jsonb_build_object('success', true, 'listing', to_jsonb(v_listing));
end;
$$;

create or replace function private.offer(
  p_listing public.listings, p_start_at timestamptz, p_end_at timestamptz, p_reserve_cents bigint,
  p_street text
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_listing public.listings := p_listing;
  v_seller public.users;
  v_now timestamptz;
  v_refusal jsonb;
  v_auction_id uuid;
begin
  select * into v_seller from public.users where id = v_listing.seller_id;
  v_now := private.clock();
  v_listing.start_at := greatest(p_start_at, v_now);
  v_listing.end_at := coalesce(
    p_end_at,
    v_listing.start_at + private.setting('listing_default_days')::integer * interval '24 hours'
  );
  v_refusal := coalesce(
    private.seller_refusal(v_seller),
    private.listing_refusal(v_listing, p_reserve_cents, p_street, v_now),
    private.contact_text_refusal(v_listing.title, v_listing.description)
  );
  -- Count the call last, so that the seller may try again after a mistake.
  v_refusal := coalesce(v_refusal, private.use_rate_limit('create_listing'));
  if v_refusal is not null then
    return v_refusal;
  end if;

  v_listing.id := gen_random_uuid();
  v_listing.status := case when v_listing.start_at > v_now then 'scheduled' else 'live' end;
  v_listing.bid_count := 0;
  v_listing.created_at := v_now;
  v_listing.updated_at := v_now;
  insert into public.listings select v_listing.*;
  insert into private.listing_private (listing_id, reserve_cents, street)
  values (v_listing.id, p_reserve_cents, p_street);
  v_auction_id := private.open_auction(v_listing, p_reserve_cents is null, v_now);
  return jsonb_build_object(
    'success', true, 'listing', to_jsonb(v_listing), 'auction_id', v_auction_id
  );
end;
$$;

comment on function public.open_dispute is 'Open a dispute about an order, as its buyer or seller: {success, dispute_id}. The order is disputed until staff decide. dispute_type is item_not_received, item_not_as_described, damaged_item, wrong_item or other. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, USER_SUSPENDED, VALIDATION_ERROR, PAYMENT_IN_TEXT (with field, start, end), CONFLICT (the order is not between payment and release, or a refund or a dispute is open), RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';

comment on function public.add_dispute_message is 'Write a message about a dispute, as a party or staff: {success, message_id}. Only staff write and read internal messages. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, USER_SUSPENDED, CONFLICT (the dispute is decided), VALIDATION_ERROR, PAYMENT_IN_TEXT (with field, start, end; never for staff), RATE_LIMITED, REQUEST_ID_REUSED, PROFILE_NOT_FOUND. Raises FILTER_REFUSED.';

comment on function public.save_shipment is 'Save the parcel of an order as its seller: {success, shipment}. The first save moves a paid order to shipped, later ones edit. An empty label_url is null. Refusals: RESOURCE_NOT_FOUND, FORBIDDEN, VALIDATION_ERROR (with field), PAYMENT_IN_TEXT (with field, start, end), CONFLICT.';

comment on function public.add_shipment_event is 'Add a step of a parcel as its seller: {success, event}. The caller makes event_id, so that a repeat adds nothing. event_time is text with an offset; null is the time of the call. accepted and in_transit set the first scan. delivered moves a shipped order to delivered. Refusals: RESOURCE_NOT_FOUND (also without a shipment), FORBIDDEN, VALIDATION_ERROR (with field), PAYMENT_IN_TEXT (with field, start, end).';

comment on function public.update_listing is 'Change a listing of the caller before it starts; changes holds arguments of create_listing. Answers success, listing. Refusals: PROFILE_NOT_FOUND, RATE_LIMITED, LISTING_NOT_FOUND, LISTING_NOT_SCHEDULED, VALIDATION_ERROR (with field), CONTACT_IN_TEXT (with field, start, end), USER_SUSPENDED, KYC_REQUIRED, SELLER_REQUIRED, REQUEST_ID_REUSED. Raises FILTER_REFUSED.';

comment on function public.create_listing is 'Offer an item by auction, now or from start_at on. Times are text in ISO 8601 with an offset; another form is a VALIDATION_ERROR. Answers success, listing, auction_id. Refusals: PROFILE_NOT_FOUND, USER_SUSPENDED, KYC_REQUIRED, SELLER_REQUIRED, VALIDATION_ERROR (with field), CONTACT_IN_TEXT (with field, start, end), RATE_LIMITED, REQUEST_ID_REUSED. Raises FILTER_REFUSED.';
