-- This migration lets names of things for sale and questions about the checkout pass the message
-- filter, and makes it read QQ numbers.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Filter: functions.

create or replace function private.closer_shapes(p_digits text, p_mark private.filter_mark)
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array(
    select (shape.class, p_mark.first, p_mark.last)::private.filter_mark
    from (
      values
      -- No phone number has fewer digits, its area code aside.
      ('local_digits', p_mark.class = 'account_digits' and private.digit_count(p_digits) > 7),
      ('phone_digits', p_mark.class = 'account_digits' and private.is_phone_number(p_digits)),
      ('plain_digits', p_mark.class = 'account_digits' and not private.is_phone_number(p_digits)),
      ('unlabelled_account', p_mark.class = 'bank_account' and private.is_bsb_account(p_digits))
    ) as shape (class, fits)
    where shape.fits
  );
end;
$$;
comment on function private.closer_shapes is 'Return the marks of an account number or a BSB and account number that tell more of its digits.';

create or replace function private.separator_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    with piece as materialized (
      select
        token.*,
        left(token.next_word, 1) between 'a' and 'z' as is_letter_next,
        translate(token.word, '0123456789', '') <> '' as has_letters
      from unnest(p_tokens) as token
      where token.gap <> ' '
    )

    select array_agg((found.class, found.first, found.last)::private.filter_mark)
    from (
      select 'pause' as class, 2 * piece.n + 1 as first, 2 * piece.n + 1 as last
      from piece
      where
        translate(piece.gap, E'.!?;\n,', '') <> piece.gap and piece.gap <> '.'
        and piece.word not in ('no', 'nos', 'ref', 'vol')
      union all
      select 'handle_sign', 2 * piece.n + 2, 2 * piece.n + 2
      from piece
      where
        right(piece.gap, 1) = '@' and piece.is_letter_next
        and (piece.word = '' or piece.gap <> '@') and char_length(piece.next_word) > 2
        and piece.next_word not in ('all', 'each', 'everyone', 'home', 'least', 'most', 'the')
      union all
      select 'tight_at', 2 * piece.n, 2 * piece.n + 2
      from piece
      where piece.gap = '@' and piece.is_letter_next and piece.has_letters
      union all
      select 'at_sign', 2 * piece.n, 2 * piece.n
      from piece
      where
        piece.word in ('at', 'a')
        and right(piece.gap_before, 1) in ('(', '[', '{', '<', '_', '*', '-')
        and left(piece.gap, 1) in (')', ']', '}', '>', '_', '*', '-')
      union all
      select 'compound', 2 * piece.n, 2 * piece.n + 2
      from piece
      where
        piece.gap = '-' and piece.next_word > 'a'
        and translate(piece.word, 'abcdefghijklmnopqrstuvwxyz', '') = ''
      union all
      select 'tight_dot', 2 * piece.n + 1, 2 * piece.n + 1
      from piece
      where piece.gap in ('.', E'.\n') and piece.word <> ''
      union all
      select 'inner_dot', 2 * piece.n + 1, 2 * piece.n + 1
      from piece
      where piece.gap = '.' and piece.word <> ''
      union all
      select 'url_like', 2 * piece.n, 2 * piece.n + 4
      from piece
      where
        piece.gap = '.' and left(piece.next_gap, 1) = '/' and char_length(piece.next_gap) < 4
        and piece.has_letters and piece.next_word > 'a' and char_length(piece.next_word) > 1
      union all
      select 'cashtag', 2 * piece.n + 1, 2 * piece.n + 2
      from piece
      where right(piece.gap, 1) = '$' and piece.next_word > 'a'
      union all
      select 'slash', 2 * piece.n + 1, 2 * piece.n + 1
      from piece
      where left(piece.gap, 1) = '/' and piece.gap <> '/ '
      union all
      select 'handle_like', 2 * piece.n, 2 * piece.n + 2
      from piece
      where
        (strpos(piece.gap, '_') > 0 or piece.gap in ('.', '#')) and char_length(piece.word) > 1
        and piece.has_letters and piece.next_word <> ''
      union all
      -- A name at Reddit, as in "u/bob".
      select 'handle_like', 2 * piece.n, 2 * piece.n + 2
      from piece
      where piece.word = 'u' and piece.gap = '/' and char_length(piece.next_word) > 2
    ) as found
  );
end;
$$;
comment on function private.separator_marks is 'Return classes that follow from a separator and the words beside it.';

-- Filter: characters, words and rules.

insert into private.filter_characters (glyph, folded) values
('扣', 'q')
on conflict do nothing;

delete from private.filter_words as known
using (
  values
  ('device', 'handset kikbox plush portal records scooter stamp stamps')
) as list (class, words)
where known.class = list.class and known.word = any(string_to_array(list.words, ' '));

insert into private.filter_words (word, class)
select
  word,
  list.class
from (
  values
  ('app', 'vxin ~dzcrd'),
  ('bank', 'npptransfer'),
  ('bank_safe', 'payout payouts released'),
  ('device', 'discordbadge discordballoon discordballoons discordbird discordboots discordboxing'),
  ('device', 'discordcake discordcamera discordcostume discordcushion discorddecal discorddrum'),
  ('device', 'discordfilter discordfit discordframe discordhandset discordhoodie discordkeyring'),
  ('device', 'discordlight discordlights discordlogo discordmug discordneon discordphone'),
  ('device', 'discordpillow discordpin discordplate discordplush discordportal discordposter'),
  ('device', 'discordprop discordrecords discordscooter discordsneakers discordstamp'),
  ('device', 'discordstamps discordstand discordstart discordstarter discordsticker'),
  ('device', 'discordstickers discordthemed discordtopper discordtoy discordtshirt discordwear'),
  ('device', 'discordwebcam facebookbadge facebookballoon facebookballoons facebookbird'),
  ('device', 'facebookboots facebookboxing facebookcake facebookcamera facebookcostume'),
  ('device', 'facebookcushion facebookdecal facebookdrum facebookfilter facebookfit'),
  ('device', 'facebookframe facebookhandset facebookhoodie facebookkeyring facebooklight'),
  ('device', 'facebooklights facebooklogo facebookmug facebookneon facebookphone facebookpillow'),
  ('device', 'facebookpin facebookplate facebookplush facebookportal facebookposter facebookprop'),
  ('device', 'facebookrecords facebookscooter facebooksneakers facebookstamp facebookstamps'),
  ('device', 'facebookstand facebookstart facebookstarter facebooksticker facebookstickers'),
  ('device', 'facebookthemed facebooktopper facebooktoy facebooktshirt facebookwear'),
  ('device', 'facebookwebcam igbadge igballoon igballoons igbird igboots igboxing igcake'),
  ('device', 'igcamera igcostume igcushion igdecal igdrum igfilter igfit igframe ighandset'),
  ('device', 'ighoodie igkeyring iglight iglights iglogo igmug igneon igphone igpillow igpin'),
  ('device', 'igplate igplush igportal igposter igprop igrecords igscooter igsneakers igstamp'),
  ('device', 'igstamps igstand igstart igstarter igsticker igstickers igthemed igtopper igtoy'),
  ('device', 'igtshirt igwear igwebcam instabadge instaballoon instaballoons instabird'),
  ('device', 'instaboots instaboxing instacake instacamera instacostume instacushion instadecal'),
  ('device', 'instadrum instafilter instafit instaframe instagrambadge instagramballoon'),
  ('device', 'instagramballoons instagrambird instagramboots instagramboxing instagramcake'),
  ('device', 'instagramcamera instagramcostume instagramcushion instagramdecal instagramdrum'),
  ('device', 'instagramfilter instagramfit instagramframe instagramhandset instagramhoodie'),
  ('device', 'instagramkeyring instagramlight instagramlights instagramlogo instagrammug'),
  ('device', 'instagramneon instagramphone instagrampillow instagrampin instagramplate'),
  ('device', 'instagramplush instagramportal instagramposter instagramprop instagramrecords'),
  ('device', 'instagramscooter instagramsneakers instagramstamp instagramstamps instagramstand'),
  ('device', 'instagramstart instagramstarter instagramsticker instagramstickers instagramthemed'),
  ('device', 'instagramtopper instagramtoy instagramtshirt instagramwear instagramwebcam'),
  ('device', 'instahandset instahoodie instakeyring instalights instalogo instamug instaneon'),
  ('device', 'instaphone instapillow instapin instaplate instaplush instaportal instaposter'),
  ('device', 'instaprop instarecords instascooter instasneakers instastamp instastamps'),
  ('device', 'instastand instastart instastarter instasticker instastickers instathemed'),
  ('device', 'instatopper instatoy instatshirt instawear instawebcam kikbadge kikballoon'),
  ('device', 'kikballoons kikbird kikboots kikcake kikcamera kikcostume kikcushion kikdecal'),
  ('device', 'kikfilter kikfit kikframe kikhandset kikhoodie kikkeyring kiklight kiklights'),
  ('device', 'kiklogo kikmug kikneon kikphone kikpillow kikpin kikplate kikplush kikportal'),
  ('device', 'kikposter kikprop kikrecords kikscooter kiksneakers kikstamp kikstamps kiksticker'),
  ('device', 'kikstickers kikthemed kiktopper kiktoy kiktshirt kikwear kikwebcam skypebadge'),
  ('device', 'skypeballoon skypeballoons skypebird skypeboots skypeboxing skypecake skypecamera'),
  ('device', 'skypecostume skypecushion skypedecal skypedrum skypefilter skypefit skypeframe'),
  ('device', 'skypehandset skypehoodie skypekeyring skypelight skypelights skypelogo skypemug'),
  ('device', 'skypeneon skypephone skypepillow skypepin skypeplate skypeplush skypeportal'),
  ('device', 'skypeposter skypeprop skyperecords skypescooter skypesneakers skypestamp'),
  ('device', 'skypestamps skypestand skypestart skypestarter skypesticker skypestickers'),
  ('device', 'skypethemed skypetopper skypetoy skypetshirt skypewear skypewebcam snapchatbadge'),
  ('device', 'snapchatballoon snapchatballoons snapchatbird snapchatboots snapchatboxing'),
  ('device', 'snapchatcake snapchatcamera snapchatcostume snapchatcushion snapchatdecal'),
  ('device', 'snapchatdrum snapchatfilter snapchatfit snapchatframe snapchathandset'),
  ('device', 'snapchathoodie snapchatkeyring snapchatlight snapchatlights snapchatlogo'),
  ('device', 'snapchatmug snapchatneon snapchatphone snapchatpillow snapchatpin snapchatplate'),
  ('device', 'snapchatplush snapchatportal snapchatposter snapchatprop snapchatrecords'),
  ('device', 'snapchatscooter snapchatsneakers snapchatstamp snapchatstamps snapchatstand'),
  ('device', 'snapchatstart snapchatstarter snapchatsticker snapchatstickers snapchatthemed'),
  ('device', 'snapchattopper snapchattoy snapchattshirt snapchatwear snapchatwebcam'),
  ('device', 'telegrambadge telegramballoon telegramballoons telegrambird telegramboots'),
  ('device', 'telegramboxing telegramcake telegramcamera telegramcostume telegramcushion'),
  ('device', 'telegramdecal telegramdrum telegramfilter telegramfit telegramframe'),
  ('device', 'telegramhandset telegramhoodie telegramkeyring telegramlight telegramlights'),
  ('device', 'telegramlogo telegrammug telegramneon telegramphone telegrampillow telegrampin'),
  ('device', 'telegramplate telegramplush telegramportal telegramposter telegramprop'),
  ('device', 'telegramrecords telegramscooter telegramsneakers telegramstamp telegramstamps'),
  ('device', 'telegramstand telegramstart telegramstarter telegramsticker telegramstickers'),
  ('device', 'telegramthemed telegramtopper telegramtoy telegramtshirt telegramwear'),
  ('device', 'telegramwebcam tiktokbadge tiktokballoon tiktokballoons tiktokbird tiktokboots'),
  ('device', 'tiktokboxing tiktokcake tiktokcamera tiktokcostume tiktokcushion tiktokdecal'),
  ('device', 'tiktokdrum tiktokfilter tiktokfit tiktokframe tiktokhandset tiktokhoodie'),
  ('device', 'tiktokkeyring tiktoklight tiktoklights tiktoklogo tiktokmug tiktokneon tiktokphone'),
  ('device', 'tiktokpillow tiktokpin tiktokplate tiktokplush tiktokportal tiktokposter'),
  ('device', 'tiktokprop tiktokrecords tiktokscooter tiktoksneakers tiktokstamp tiktokstamps'),
  ('device', 'tiktokstand tiktokstart tiktokstarter tiktoksticker tiktokstickers tiktokthemed'),
  ('device', 'tiktoktopper tiktoktoy tiktoktshirt tiktokwear tiktokwebcam twitterbadge'),
  ('device', 'twitterballoon twitterballoons twitterbird twitterboots twitterboxing twittercake'),
  ('device', 'twittercamera twittercostume twittercushion twitterdecal twitterdrum twitterfilter'),
  ('device', 'twitterfit twitterframe twitterhandset twitterhoodie twitterkeyring twitterlight'),
  ('device', 'twitterlights twitterlogo twittermug twitterneon twitterphone twitterpillow'),
  ('device', 'twitterpin twitterplate twitterplush twitterportal twitterposter twitterprop'),
  ('device', 'twitterrecords twitterscooter twittersneakers twitterstamp twitterstamps'),
  ('device', 'twitterstand twitterstart twitterstarter twittersticker twitterstickers'),
  ('device', 'twitterthemed twittertopper twittertoy twittertshirt twitterwear twitterwebcam'),
  ('device', 'viberbadge viberballoon viberballoons viberbird viberboots viberboxing vibercake'),
  ('device', 'vibercamera vibercostume vibercushion viberdecal viberdrum viberfilter viberfit'),
  ('device', 'viberframe viberhandset viberhoodie viberkeyring viberlight viberlights viberlogo'),
  ('device', 'vibermug viberneon viberphone viberpillow viberpin viberplush viberportal'),
  ('device', 'viberposter viberprop viberrecords viberscooter vibersneakers viberstamp'),
  ('device', 'viberstamps viberstand viberstart viberstarter vibersticker viberstickers'),
  ('device', 'viberthemed vibertopper vibertoy vibertshirt viberwear viberwebcam wechatbadge'),
  ('device', 'wechatballoon wechatballoons wechatbird wechatboots wechatboxing wechatcake'),
  ('device', 'wechatcamera wechatcostume wechatcushion wechatdecal wechatdrum wechatfilter'),
  ('device', 'wechatfit wechatframe wechathandset wechathoodie wechatkeyring wechatlight'),
  ('device', 'wechatlights wechatlogo wechatmug wechatneon wechatphone wechatpillow wechatpin'),
  ('device', 'wechatplate wechatplush wechatportal wechatposter wechatprop wechatrecords'),
  ('device', 'wechatscooter wechatsneakers wechatstamp wechatstamps wechatstand wechatstart'),
  ('device', 'wechatstarter wechatsticker wechatstickers wechatthemed wechattopper wechattoy'),
  ('device', 'wechattshirt wechatwear wechatwebcam whatsappbadge whatsappballoon'),
  ('device', 'whatsappballoons whatsappbird whatsappboots whatsappboxing whatsappcake'),
  ('device', 'whatsappcamera whatsappcostume whatsappcushion whatsappdecal whatsappdrum'),
  ('device', 'whatsappfilter whatsappfit whatsappframe whatsapphandset whatsapphoodie'),
  ('device', 'whatsappkeyring whatsapplight whatsapplights whatsapplogo whatsappmug whatsappneon'),
  ('device', 'whatsappphone whatsapppillow whatsapppin whatsappplate whatsappplush'),
  ('device', 'whatsappportal whatsappposter whatsappprop whatsapprecords whatsappscooter'),
  ('device', 'whatsappsneakers whatsappstamp whatsappstamps whatsappstand whatsappstart'),
  ('device', 'whatsappstarter whatsappsticker whatsappstickers whatsappthemed whatsapptopper'),
  ('device', 'whatsapptoy whatsapptshirt whatsappwear whatsappwebcam'),
  ('id_cue', 'customer'),
  ('pay_safe', 'afterpayatcheckout afterpayatthecheckout afterpayincheckout afterpayoncheckout'),
  ('pay_safe', 'afterpayonhere afterpayonthesite afterpayonthisapp afterpayonthissite'),
  ('pay_safe', 'afterpaythroughhere afterpaythroughthesite alipayatcheckout alipayatthecheckout'),
  ('pay_safe', 'alipayincheckout alipayoncheckout alipayonhere alipayonthesite alipayonthisapp'),
  ('pay_safe', 'alipayonthissite alipaythroughhere alipaythroughthesite applepayatcheckout'),
  ('pay_safe', 'applepayatthecheckout applepayincheckout applepayoncheckout applepayonhere'),
  ('pay_safe', 'applepayonthesite applepayonthisapp applepayonthissite applepaythroughhere'),
  ('pay_safe', 'applepaythroughthesite googlepayatcheckout googlepayatthecheckout'),
  ('pay_safe', 'googlepayincheckout googlepayoncheckout googlepayonhere googlepayonthesite'),
  ('pay_safe', 'googlepayonthisapp googlepayonthissite googlepaythroughhere'),
  ('pay_safe', 'googlepaythroughthesite klarnaatcheckout klarnaatthecheckout klarnaincheckout'),
  ('pay_safe', 'klarnaoncheckout klarnaonhere klarnaonthesite klarnaonthisapp klarnaonthissite'),
  ('pay_safe', 'klarnathroughhere klarnathroughthesite optionatcheckout optiononhere'),
  ('pay_safe', 'paypalatcheckout paypalatthecheckout paypalincheckout paypaloncheckout'),
  ('pay_safe', 'paypalonhere paypalonthesite paypalonthisapp paypalonthissite paypalthroughhere'),
  ('pay_safe', 'paypalthroughthesite zippayatcheckout zippayatthecheckout zippayincheckout'),
  ('pay_safe', 'zippayoncheckout zippayonhere zippayonthesite zippayonthisapp zippayonthissite'),
  ('pay_safe', 'zippaythroughhere zippaythroughthesite'),
  ('pay_to_not', 'ownership papers rego'),
  ('pay_verb', 'accepted accepting'),
  ('qq', 'qq'),
  ('sell_to_me', 'sellittome sellittous selltome selltous'),
  ('your_number', 'gotanemail haveanemail')
) as list (class, words)
cross join lateral string_to_table(list.words, ' ') as word
on conflict do nothing;

insert into private.filter_rules (
  rule_version, rule, kind, pattern, gap, unless, unless_near, weight, reason_code, stage
) values
(
  2, 'cancel_sell', 'proposal', '{cancel,sell_to_me}', 6,
  null, null, 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  2, 'chat_label_name', 'contact', '{chat_label,handle_like}', 0,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  2, 'qq_number', 'contact', '{qq,account_digits}', 1,
  'id_cue', null, 65, 'SOCIAL_HANDLE', '{strict}'
)
on conflict do nothing;

update private.filter_rules set pattern = '{pay_now,phone_digits}'
where rule_version = 2 and rule = 'pay_phone';
