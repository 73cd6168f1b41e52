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
) as list (class, words) -- noqa: RF04
cross join lateral string_to_table(list.words, ' ') as word
on conflict do nothing;

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

    affirmed as materialized (
      -- "Why not" and "no worries" deny nothing.
      select distinct place
      from seen
      cross join lateral generate_series(seen.first, seen.last) as place
      where seen.class = 'positive'
    ),

    mark as materialized (
      select
        seen.class,
        seen.first,
        seen.last,
        width_bucket(seen.first, stops.places) as clause
      from seen
      cross join stops
      left join affirmed on seen.class = 'neg' and seen.first = affirmed.place
      where affirmed.place is null
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
