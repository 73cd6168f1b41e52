-- This migration brings the message filter to version 2 of its rules. It reads labelled numbers,
-- accounts without a label, QQ numbers and the beginnings of sentences better, and lets names of
-- things for sale and questions about the checkout pass.

set lock_timeout = '2s';
set statement_timeout = '30s';

-- Filter: functions.

create or replace function private.number_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_pieces text[] := private.number_pieces(p_tokens);
  v_text text := array_to_string(v_pieces, '');
  v_digits text;
  v_starts integer[];
  v_n integer;
begin
  if private.digit_count(v_text) < 6 then
    return '{}';
  end if;
  -- Few texts have a number of ten digits in one word, and a look at all words takes time.
  if
    exists (
      select from unnest(v_pieces) as piece
      where char_length(piece) between 12 and 14 and left(piece, 2) = ' 0'
    )
  then
    foreach v_n in array private.labelled_numbers(p_tokens) loop
      v_pieces[v_n] := '|';
    end loop;
    v_text := array_to_string(v_pieces, '');
  end if;
  v_digits := translate(v_text, 'ABCDEFGHIJabcdefghij', '0123456789||||||||||');
  if private.digit_count(v_text) < 9 and not private.has_long_number(v_digits) then
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
  return private.phone_shapes(v_digits, v_starts)
  || private.weak_shapes(v_digits, v_starts)
  || case
    when translate(v_text, 'abcdefghij', '') <> v_text
      then private.phone_shapes(
        translate(v_text, 'ABCDEFGHIJabcdefghij', '01234567890123456789'), v_starts
      )
  end
  || private.described_numbers(v_digits, v_starts)
  || case
    when translate(v_text, 'ABCDEFGHIJ', '') <> v_text
      then private.described_numbers(
        translate(v_text, 'ABCDEFGHIJabcdefghij', '||||||||||||||||||||'), v_starts
      )
  end
  || private.mobile_parts(p_tokens, v_digits, v_starts);
end;
$$;
comment on function private.number_marks is 'Return the numbers of a text, each with the class of its shape. Words with another meaning, such as "for", count as digits in a second try.';

create function private.labelled_numbers(p_tokens private.filter_token[])
returns integer[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_places constant integer[] := array(
    select number.n
    from (
      select
        token.n,
        token.word,
        case when strpos(token.gap_before, '#') > 0 then 'no' else '' end as sign,
        lag(token.word) over sequence as one,
        lag(token.word, 2) over sequence as two,
        lag(token.word, 3) over sequence as three,
        lag(token.gap) over sequence as gap_one,
        lag(token.gap, 2) over sequence as gap_two,
        lag(token.gap, 3) over sequence as gap_three
      from unnest(p_tokens) as token
      -- "The serial number is 0412345678", "ISBN-10 0412345678".
      where token.word not in ('10', '13', 'is', 'was')
      window sequence as (order by token.n)
    ) as number
    cross join
      lateral
      (values
        (number.one || number.sign, number.gap_one),
        (number.two || number.one || number.sign, number.gap_one || number.gap_two),
        (
          number.three || number.two || number.one,
          number.gap_one || number.gap_two || number.gap_three
        )
      ) as label (word, gap)
    inner join private.filter_words as known
      on known.word = label.word and known.class = 'number_label'
    where
      char_length(number.word) = 10 and left(number.word, 1) = '0'
      and translate(number.word, '0123456789', '') = ''
      and translate(label.gap, E',;!?\n', '') = label.gap
  );
begin
  if v_places = '{}' or exists (
    select from private.filter_words as known
    where known.class in ('app', 'bank', 'call_me', 'call_verb', 'own_phone', 'pay_app', 'zero_cue')
      and known.word = any(array(select token.word from unnest(p_tokens) as token))
  ) then
    return '{}';
  end if;
  return v_places;
end;
$$;
comment on function private.labelled_numbers is 'Return the positions of the words of ten digits that the words before call a serial, part, order or tracking number: they are no phone number. Return none if a word of the text names a phone, a call, a chat or a payment.';

create or replace function private.weak_shapes(p_digits text, p_starts integer[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  if not private.has_long_number(p_digits) then
    return '{}';
  end if;
  return private.shape_marks(
    p_digits, p_starts, '{backwards,bare_mobile,bare_digits,short_number,bare_landline}',
    '[ |](?:((?:[0-9][ ~,^.-]*){8}(?:4[ ~,^.-]*0|4[ ~,^.-]*1[ ~,^.-]*6))'
    '|(4[0-9]{8}|4(?: +[0-9]){8}|4[0-9]{2}[ .-]+[0-9]{3}[ .-]+[0-9]{3}|4[0-9]{2}[ .-]+[0-9]{6})'
    '|(4(?:[ ,^.-]*[0-9]){8})'
    '|(1[ ,]*3(?:[ ,]*[0-9]){4}))[ |,.-]'
    -- No digit stands before or after a local number.
    '|(?:^|[|,.]) *([3-9][0-9]{3} {1,2}(?:[03-9][0-9]{3}|1[0-8][0-9]{2}|2[1-9][0-9]{2})) *(?:[|,.]|$)'
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
comment on function private.weak_shapes is 'Return numbers in a text of pieces that are phone, bank or card numbers if the words around them say so.';

create or replace function private.shape_marks(
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
    if p_classes[v_n] in ('account_digits', 'bank_account') then
      v_marks := v_marks || private.closer_shapes(
        v_found[v_n], v_marks[cardinality(v_marks)]
      );
    end if;
  end loop;
  return v_marks;
end;
$$;
comment on function private.shape_marks is 'Return the matches of a pattern, each with the class of its group and the words it covers. Exactly one group of the pattern matches.';

create function private.closer_shapes(p_digits text, p_mark private.filter_mark)
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

create function private.is_bsb_account(p_digits text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_groups constant text := (
    select string_agg(char_length(part.digits)::text, ' ' order by part.n)
    from string_to_table(translate(p_digits, '.-', '  '), ' ') with ordinality as part (digits, n)
    where part.digits <> ''
  );
begin
  -- The four largest banks have BSBs from 01, 03, 06 and 08.
  return left(p_digits, 2) in ('01', '03', '06', '08')
    and translate(p_digits, '^,', '') = p_digits and strpos(p_digits, '   ') = 0
    and v_groups in (
      '6 7', '6 8', '6 9', '6 4 4', '6 3 3 3', '3 3 6', '3 3 7', '3 3 8', '3 3 9', '3 3 4 4'
    );
end;
$$;
comment on function private.is_bsb_account is 'Return true if digits are a BSB of a large bank and an account number, in the groups in which people write them.';

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

create or replace function private.code_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    with piece as materialized (
      select
        2 * token.n as place,
        token.word,
        char_length(token.word) as length,
        char_length(translate(token.word, '0123456789', '')) as letters
      from unnest(p_tokens) as token
      where
        char_length(token.word) between 5 and 80
        and translate(token.word, '0123456789', '') not in (token.word, '')
    )

    select array_agg((found.class, found.place, found.place)::private.filter_mark)
    from (
      select 'long_code' as class, piece.place
      from piece
      where piece.length >= 15
      union all
      select 'handle_like', piece.place
      from piece
      where piece.letters > 2 and piece.length <= 24 and left(piece.word, 1) between 'a' and 'z'
      union all
      select 'wallet', piece.place
      from piece
      where piece.length >= 26 and piece.length - piece.letters > 2 and piece.letters > 5
      union all
      -- A BSB with its account, or one of both, joined to its label: "acc12345678".
      select 'glued_account', piece.place
      from piece
      where
        (left(piece.word, 3) = 'bsb' and piece.length - piece.letters between 12 and 16)
        or (
          rtrim(piece.word, '0123456789') in (
            'acc', 'accno', 'account', 'accountno', 'acct', 'acctno', 'bsb'
          )
          and piece.length - piece.letters between 6 and 10
        )
    ) as found
  );
end;
$$;
comment on function private.code_marks is 'Return classes of words that have letters and digits.';

-- Filter: characters, words and rules.

insert into private.filter_characters (glyph, folded) values
('👻', ' ghostsnap '), ('扣', 'q')
on conflict do nothing;

insert into private.filter_words (word, class)
select
  word,
  list.class
from (
  values
  ('dot', 'period'),
  ('dot_word', 'period'),
  ('app', 'kik lineapp messengerme'),
  ('app', 'vxin ~dzcrd'),
  ('qq', 'qq'),
  ('own_phone', 'cell dial fone landline mob mobile ph tel txt'),
  ('id_cue', 'customer'),
  ('bank_safe', 'payout payouts released'),
  ('pay_to_not', 'ownership papers rego'),
  ('pay_verb', 'accepted accepting'),
  ('sell_to_me', 'sellittome sellittous selltome selltous'),
  ('your_number', 'gotanemail haveanemail'),
  ('bank', 'npptransfer'),
  ('pay_to', 'deposit dollars dough fix funds money pay payable payee paying payment payments'),
  ('pay_to', 'payto refund remit send sending settle transfer transferring'),
  ('id_cue', 'sizes'),
  ('network', 'ghostsnap snapcode socials vvechat'),
  ('chat_label', 'tg vx wx'),
  ('app_not', 'friendon friendson guyon ithas ithave mateon mateson someoneon'),
  ('id_cue', 'cert cgc frame issn keycode mmsi ngc pcgs psa'),
  ('number_safe', 'yournumberone'),
  ('your_number', 'whatsurmobile whatsyamob whatsyamobile whatsyourmobile yadigits yaemail yanum'),
  ('your_number', 'yanumber'),
  ('pay_app', 'buystripe paypai paypl ppfandf ppff ppfnf revtag wisetag'),
  ('pay_safe', 'siteaccept siteaccepts sitesupport sitesupports sitetake sitetakes'),
  ('cash', 'kashinhand'),
  ('cash_safe', 'chequeplate'),
  ('offsite', 'invoicemedirect invoicemedirectly moneyonarrival moneyoncollection moneyonpickup'),
  ('offsite', 'payatcollection payatpickup payinperson payonarrival payoncollection'),
  ('offsite', 'payoninspection payonpick payonpickup payuponcollection payuponpickup'),
  ('offsite', 'paywhenicollect paywhenicome paywheniget paywhenipick payyouinperson payyouthere'),
  ('com_safe', 'dotcomboom dotcombubble dotcomcrash dotcomera'),
  ('iban', 'iban'),
  ('exchange', 'binance bybit coinbase coinspot kucoin'),
  ('site_tld', 'au biz cc co com dev ee example gg io ly net nz org uk xyz'),
  ('shop_tld', 'link online shop site store'),
  ('word_tld', 'app id info me test to tv'),
  ('country_tld', 'au biz io nz uk xyz'),
  ('pay_now', 'deposit pay payto remit transfer transferring'),
  ('pay_to_not', 'andcall andring andtext callmeon callon cometo gate getto label orcall orring'),
  ('pay_to_not', 'ortext photo photos pic pics picture pictures receipt ringmeon ringon textmeon'),
  ('pay_to_not', 'thencall thenring tocall toring totext tracking video videos'),
  ('number_label', 'barcode cert certno certnumber cgc chassis chassisno chassisnumber connote'),
  ('number_label', 'consignment consignmentno consignmentnumber ean engineno enginenumber frame'),
  ('number_label', 'frameno framenumber gtin imei invoice invoiceno invoicenumber isbn ngc'),
  ('number_label', 'orderid orderno ordernumber partno partnumber pcgs pn psa serial serialno'),
  ('number_label', 'serialnum serialnumber sku sn trackingid trackingno trackingnumber upc vin')
) as list (class, words)
cross join lateral string_to_table(list.words, ' ') as word
on conflict do nothing;

-- Names of things for sale, as in "telegram stamp" and "kik scooter". They name no account.
insert into private.filter_words (word, class)
select
  app || thing as word,
  'device' as class
from
  string_to_table(
    'discord facebook ig insta instagram kik skype snapchat telegram tiktok twitter viber wechat'
    ' whatsapp',
    ' '
  ) as app
cross join
  string_to_table(
    'badge balloon balloons bird boots boxing cake camera costume cushion decal drum filter fit'
    ' frame handset hoodie keyring light lights logo mug neon phone pillow pin plate plush portal'
    ' poster prop records scooter sneakers stamp stamps stand start starter sticker stickers'
    ' themed topper toy tshirt wear webcam',
    ' '
  ) as thing
on conflict do nothing;

-- Questions about the checkout here.
insert into private.filter_words (word, class)
select
  service || place as word,
  'pay_safe' as class
from
  string_to_table('afterpay alipay applepay googlepay klarna paypal zippay', ' ') as service
cross join
  string_to_table(
    'atcheckout atthecheckout incheckout onhere oncheckout onthesite onthisapp onthissite'
    ' throughhere throughthesite',
    ' '
  ) as place
on conflict do nothing;

insert into private.filter_words (word, class) values
('optionatcheckout', 'pay_safe'), ('optiononhere', 'pay_safe')
on conflict do nothing;

-- Rules since version 2. The rules of version 1 that they replace stay for staff.
insert into private.filter_rules (
  rule_version, rule, kind, pattern, gap, unless, unless_near, weight, reason_code, stage
) values
(2, 'domain', 'contact', '{inner_dot,site_tld}', 0, null, null, 70, 'LINK', '{strict,name}'),
(2, 'domain_line', 'contact', '{tight_dot,com}', 0, null, 'com_safe', 70, 'LINK', '{strict,name}'),
(2, 'domain_shop', 'contact', '{inner_dot,shop_tld}', 0, null, null, 70, 'LINK', '{strict,name}'),
(
  2, 'domain_word', 'contact', '{unknown,inner_dot,word_tld}', 0,
  null, null, 70, 'LINK', '{strict,name}'
),
(
  2, 'domain_word_handle', 'contact', '{handle_like,inner_dot,word_tld}', 0,
  null, null, 70, 'LINK', '{strict,name}'
),
(
  2, 'domain_path', 'contact', '{inner_dot,path_tld,slash}', 0,
  null, null, 70, 'LINK', '{strict,name}'
),
(
  2, 'host_path', 'contact', '{linkhost,tight_dot,path_tld,slash}', 0,
  null, null, 70, 'LINK', '{strict,name}'
),
(2, 'domain_words', 'contact', '{dot,tld}', 0, null, 'com_safe', 70, 'LINK', '{strict,name}'),
(
  2, 'domain_words_country', 'contact', '{dot_word,country_tld}', 0,
  null, null, 70, 'LINK', '{strict,name}'
),
(
  2, 'domain_words_slash', 'contact', '{dot_word,tight_tld,slash}', 0,
  null, null, 70, 'LINK', '{strict}'
),
(
  2, 'domain_words_path', 'contact', '{dot_word,path_tld,slash}', 0,
  null, null, 70, 'LINK', '{strict}'
),
(
  2, 'phone_cue_digits', 'contact', '{phone_cue,local_digits}', 6,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict,listing,name}'
),
(
  2, 'landline_cue_digits', 'contact', '{landline_cue,local_digits}', 4,
  'id_cue', null, 65, 'PHONE_NUMBER', '{strict}'
),
(
  2, 'chat_label_handle', 'contact', '{chat_label,colon,handle_like}', 0,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  2, 'chat_label_name', 'contact', '{chat_label,handle_like}', 0,
  null, null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  2, 'qq_number', 'contact', '{qq,account_digits}', 1,
  'id_cue', null, 65, 'SOCIAL_HANDLE', '{strict}'
),
(
  2, 'cancel_sell', 'proposal', '{cancel,sell_to_me}', 6,
  null, null, 45, 'OFF_PLATFORM', '{strict,order}'
),
(
  2, 'chat_label_unknown', 'contact', '{chat_label,colon,unknown}', 0,
  null, null, 62, 'SOCIAL_HANDLE', '{strict}'
),
(
  2, 'iban', 'payment', '{iban,long_code}', 3,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  2, 'iban_digits', 'payment', '{iban,seven_digits}', 5,
  null, null, 80, 'BANK_ACCOUNT', '{strict,order,joined}'
),
(
  2, 'glued_account', 'payment', '{glued_account}', 0,
  'id_cue', null, 80, 'BANK_ACCOUNT', '{strict,order,listing,joined}'
),
(
  2, 'unlabelled_account', 'payment', '{unlabelled_account}', 0,
  'id_cue', null, 65, 'BANK_ACCOUNT', '{strict,order}'
),
(
  2, 'bank_name_account_joined', 'payment', '{bank_name,bank_account}', 5,
  'id_cue', null, 85, 'BANK_ACCOUNT', '{joined}'
),
(
  2, 'wise_handle', 'payment', '{wise,handle_sign}', 1,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,joined}'
),
(
  2, 'wise_email', 'payment', '{wise,tight_at}', 4,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,joined}'
),
(
  2, 'wise_link', 'payment', '{wise,tight_dot,com}', 0,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,link,joined}'
),
(
  2, 'exchange_digits', 'payment', '{exchange,account_digits}', 4,
  null, null, 80, 'CRYPTO', '{strict,order,joined}'
),
(
  2, 'pay_app_me_words', 'payment', '{pay_app,dot_word,path_tld}', 0,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,listing,joined}'
),
(
  2, 'cashtag_before', 'payment', '{cashtag,pay_app}', 2,
  null, null, 80, 'PAYMENT_OUTSIDE', '{strict,order,joined}'
),
(
  2, 'pay_digits', 'payment', '{pay,plain_digits}', 6,
  'id_cue', 'call_verb', 75, 'BANK_ACCOUNT', '{strict,order}'
),
(
  2, 'pay_phone', 'payment', '{pay_now,phone_digits}', 4,
  'phone_cue', 'call_verb', 75, 'PAYID', '{strict,order}'
),
(
  2, 'pay_mobile', 'payment', '{pay_to,to,mobile}', 4,
  'pay_to_not', null, 75, 'PAYID', '{strict,order}'
)
on conflict do nothing;

update private.filter_rules set active = false
where
  rule_version = 1 and rule in (
    'domain',
    'domain_path',
    'domain_words',
    'phone_cue_digits',
    'landline_cue_digits',
    'pay_digits',
    'pay_mobile'
  );
