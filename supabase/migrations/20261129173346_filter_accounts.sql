set lock_timeout = '2s';
set statement_timeout = '30s';

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
  ('device', 'notifications playstore poster preinstalled run running runs screen sideload sign'),
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
  ('number_safe', 'mynumberone numberplate numberplates yournumberplate'),
  ('as', 'as'),
  ('wise', 'wise'),
  ('pay_with', 'accept instead pay paying payment prefer swap take trade via with'),
  ('app_not', 'ad ads advert advertised bought cheaper deleted donotuse donthave donthaveany'),
  ('app_not', 'dontuse going havent listed marketplace neveruse nolonger nothave noton paid'),
  ('app_not', 'people posted saw scam scammers scams seen selling sold wanttomove warned warning'),
  ('link_word', 'bitly linktr linktree tinyurl'),
  ('speak', 'chat chatting discuss speak speaking talk talking'),
  ('phone_word', 'fone landline mobile phone text')
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
  1, 'digits_account', 'payment', '{account_digits,account_cue}', 2,
  'id_cue', null, 75, 'BANK_ACCOUNT', '{strict,order}'
),
(
  1, 'long_account', 'payment', '{bank_account,account_cue}', 3,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order}'
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
  'neg', 'direct_safe', 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  1, 'cancel_direct', 'proposal', '{cancel,direct}', 10,
  null, null, 45, 'OFF_PLATFORM', '{strict,order}'
),
(1, 'name_digits', 'contact', '{seven_digits}', 0, null, null, 65, 'PHONE_NUMBER', '{name}')
on conflict do nothing;

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
        token.gap in ('/', '-', '.') and private.is_date(
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
          when
            char_length(numeral.word) < 6 and coalesce(numeral.kind, 'unit') = 'unit'
            and translate(numeral.word, '0123456789', '') = numeral.word
            and translate(numeral.word, 'oli', '') <> ''
            then '|'
          when coalesce(numeral.kind, 'unit') = 'unit' then private.number_of_word(numeral.word)
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
        case
          when token.gap = ' ' or private.joins(token.gap) then lead(token.word) over sequence
        end as second,
        case
          when
            lead(token.gap) over sequence = ' ' or private.joins(lead(token.gap) over sequence)
            then lead(token.word, 2) over sequence
        end as third,
        case
          when
            lead(token.gap, 2) over sequence = ' '
            or private.joins(lead(token.gap, 2) over sequence)
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
      (
        case when piece.gap not in (' ', '') then private.gap_sign(piece.gap) end,
        2 * piece.n + 1, 2 * piece.n + 1
      ),
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

create or replace function private.glued_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select array_agg((meaning, 2 * token.n, 2 * token.n)::private.filter_mark)
    from unnest(p_tokens) as token
    inner join private.filter_words as part
      on part.class = 'glued' and strpos(token.word, part.word) > 0
    -- A subquery, because a join would read the whole table for the few words that are found.
    cross join lateral unnest(
      array(select known.class from private.filter_words as known where known.word = part.word)
    ) as meaning
    where char_length(token.word) > 6
  );
end;
$$;
