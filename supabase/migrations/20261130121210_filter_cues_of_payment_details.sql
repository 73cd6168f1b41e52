set lock_timeout = '2s';
set statement_timeout = '30s';

-- A number after "call me on" is no account, though the sentence asks for money.
update private.filter_rules
set unless_near = 'call_verb'
where rule_version = 1 and rule in ('pay_abn_digits', 'pay_digits');

-- The rules for links: names of payment services and BSB.
update private.filter_rules
set stage = stage || '{link}'
where
  rule_version = 1 and not 'link' = any(stage)
  and rule in (
    'bsb_digits', 'bsb_word_account', 'cashtag', 'email_pay_app', 'mobile_pay_app',
    'pay_app_domain', 'pay_app_email', 'pay_app_me', 'pay_app_mobile'
  );

create or replace function private.number_pieces(p_tokens private.filter_token[])
returns text[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_pieces text[] := array_fill('|'::text, array[cardinality(p_tokens)]);
  v_n integer;
  v_piece text;
begin
  for v_n, v_piece in
    with numeral as (
      select
        token.*,
        known.kind,
        known.value,
        token.gap in ('/', '-', '.') and private.is_date(
          token.word, token.second, token.third, token.gap, token.next_gap,
          lead(token.next_gap) over sequence
        ) as is_date,
        token.gap in ('_', '-') and private.is_timestamp(token.word, token.second) as is_timestamp,
        lag(token.n) over sequence = token.n - 1 as is_second,
        lag(token.n, 2) over sequence = token.n - 2 as is_third,
        case when lag(token.n) over sequence = token.n - 1 then lag(known.kind) over sequence end
          as kind_before,
        lag(known.value) over sequence as value_before,
        case when lead(token.n) over sequence = token.n + 1 then lead(known.kind) over sequence end
          as kind_after,
        lead(known.value) over sequence as value_after,
        case
          when lead(token.n, 2) over sequence = token.n + 2 then lead(known.kind, 2) over sequence
        end as kind_third
      from unnest(p_tokens) as token
      left join private.filter_numerals as known
        on known.word = token.word and (
          known.kind <> 'multiplier'
          -- "One trip? 0412 345 678" repeats nothing.
          or (translate(token.gap, '.?!,', '') = token.gap and token.next_word !~ '^[0-9]{2}')
        )
      -- Most words are no part of a number, and stay bars.
      where
        known.kind is not null
        or translate(token.word, '0123456789', '') <> token.word
        or translate(token.word, 'oli', '') = ''
        or (char_length(token.word) > 5 and private.is_spelled(token.word))
      window sequence as (order by token.n)
    )

    select
      numeral.n,
      case
        when
          numeral.is_date or (numeral.is_second and lag(numeral.is_date) over sequence)
          or (numeral.is_third and lag(numeral.is_date, 2) over sequence)
          or numeral.is_timestamp or (numeral.is_second and lag(numeral.is_timestamp) over sequence)
          then '|'
        when translate(numeral.word, '0123456789', '') = '' and numeral.word <> ''
          then
            private.piece_of_digits(
              numeral.word, numeral.gap_before, numeral.gap, numeral.kind_after = 'unit',
              case when numeral.kind_before = 'multiplier' then numeral.value_before end
            )
        when numeral.kind = 'unit' then '|'
        when numeral.kind is null then private.number_of_word(numeral.word)
        else
          private.piece_of_numeral(
            numeral.kind, numeral.value, numeral.kind_before, numeral.value_before,
            numeral.kind_after, numeral.value_after, numeral.kind_third
          )
      end
    from numeral
    window sequence as (order by numeral.n)
  loop
    v_pieces[v_n] := v_piece;
  end loop;
  return v_pieces;
end;
$$;
comment on function private.number_pieces is 'Return for each word its digits between blanks, or a bar for a word that is no number. A tilde follows an amount, a comma a number of a list.';

create function private.is_timestamp(p_date text, p_time text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- Comparisons, because Postgres caches few patterns per session.
  return char_length(p_date) = 8 and p_date between '20000101' and '20991231'
    and substr(p_date, 5, 2) between '01' and '12' and substr(p_date, 7) between '01' and '31'
    and (
      (
        char_length(p_time) between 6 and 9 and left(p_time, 2) between '00' and '23'
        and substr(p_time, 3, 2) between '00' and '59' and substr(p_time, 5, 2) between '00' and '59'
        and translate(p_date || p_time, '0123456789', '') = ''
      )
      or (char_length(p_time) = 6 and translate(p_date || p_time, '0123456789', '') = 'wa')
    );
end;
$$;
comment on function private.is_timestamp is 'Return true if two words are the date and the time, or the number of the day, in a name that a camera or a chat app gives to a photo.';

create or replace function private.disguised_word_marks(p_tokens private.filter_token[])
returns private.filter_mark[]
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    with phrase as materialized (
      -- Digits in place of letters. A one may be an i or an l.
      select
        translate(token.word, '0134578', letters) as word,
        2 * token.n as first,
        2 * token.n as last
      from unnest(p_tokens) as token
      cross join unnest(array['oieastb', 'oleastb']) as letters
      where translate(token.word, '0134578', '') not in (token.word, '')
      union all
      -- Signs in place of letters.
      select
        translate(
          token.word || translate(token.gap, '@$!|*', 'asili') || token.second, '0134578', 'oieastb'
        ),
        2 * token.n,
        2 * token.n + 2
      from unnest(p_tokens) as token
      where token.gap in ('@', '$', '!', '|', '*')
      union all
      select
        token.word || translate(token.gap, '@$!|*', 'asili') || token.second
        || translate(token.next_gap, '@$!|*', 'asili') || token.third,
        2 * token.n,
        2 * token.n + 4
      from unnest(p_tokens) as token
      where token.gap in ('@', '$', '!', '|', '*') and token.next_gap in ('@', '$', '!', '|', '*')
      union all
      -- Names of services, without their vowels.
      select '~' || translate(token.word, 'kaeiouyh', 'c'), 2 * token.n, 2 * token.n
      from unnest(p_tokens) as token
      where char_length(token.word) between 5 and 12 and right(token.word, 2) <> 'up'
      union all
      select
        '~' || translate(token.word || token.second, 'kaeiouyh', 'c'), 2 * token.n, 2 * token.n + 2
      from unnest(p_tokens) as token
      where
        char_length(token.gap) = 1 and char_length(token.word || token.second) between 6 and 12
        and right(token.second, 2) <> 'up'
      union all
      -- Names of services in other scripts, as they are folded.
      select '=' || token.word, 2 * token.n, 2 * token.n
      from unnest(p_tokens) as token
      where char_length(token.word) between 6 and 8
    )

    select array_agg((known.class, phrase.first, phrase.last)::private.filter_mark)
    from phrase
    inner join private.filter_words as known on known.word = phrase.word
    where known.word = any(array(select phrase.word from phrase))
  );
end;
$$;
comment on function private.disguised_word_marks is 'Return the classes of words that are written with digits or signs for letters, and of names of services with other vowels or in other scripts.';

create function private.is_phone_number(p_text text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_digits constant text := translate(p_text, translate(p_text, '0123456789', ''), '');
  v_national constant text := case
    when left(v_digits, 4) = '0061' then ltrim(substr(v_digits, 5), '0')
    when left(v_digits, 2) = '61' then ltrim(substr(v_digits, 3), '0')
    when left(v_digits, 1) = '0' then substr(v_digits, 2)
    else ''
  end;
begin
  return (char_length(v_national) = 9 and left(v_national, 1) in ('2', '3', '4', '7', '8'))
    or (char_length(v_digits) = 10 and left(v_digits, 4) in ('1300', '1800'));
end;
$$;
comment on function private.is_phone_number is 'Return true if the digits of a text are an Australian phone number with its zero or country code.';

create function private.link_refusal(p_field text, p_link text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.refusal('PAYMENT_IN_TEXT', 'This link cannot lead to a payment')
    || jsonb_build_object('field', p_field)
    || (
      select jsonb_build_object('start', hit.start_at, 'end', hit.end_at)
      from unnest(private.filter_findings(p_link, 'link')) as hit
      order by hit.start_at, hit.score desc
      limit 1
    );
end;
$$;
comment on function private.link_refusal is 'Return the refusal of a link that names a payment service or a BSB, with the span, or null. The ids and signatures in a link have any digits, so other numbers pass.';

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
    private.tracking_refusal(v_tracking, v_carrier),
    private.link_refusal('label_url', v_label_url),
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
comment on function private.save_shipment is 'Save the parcel of an order; see the public wrapper.';
