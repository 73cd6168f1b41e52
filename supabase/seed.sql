-- Data for development: two sellers, two bidders, a moderator and an admin, all with the password
-- "aussie-market", and live listings, one of which ends after five minutes. Only a new local
-- database gets these data. Staff need no second factor there.
update private.app_settings set value = 'false' where key = 'require_staff_aal2';

with person (email, display_name) as (
  values
  ('shirley@example.test', 'Shirley'),
  ('bruce@example.test', 'Bruce'),
  ('kylie@example.test', 'Kylie'),
  ('angus@example.test', 'Angus'),
  ('matilda@example.test', 'Matilda'),
  ('ruby@example.test', 'Ruby')
), signed_up as (
  insert into auth.users (
    id, instance_id, aud, role, email, encrypted_password, email_confirmed_at,
    raw_app_meta_data, raw_user_meta_data, confirmation_token, recovery_token,
    email_change_token_new, email_change, created_at, updated_at
  )
  select
    gen_random_uuid(), '00000000-0000-0000-0000-000000000000', 'authenticated', 'authenticated',
    email, extensions.crypt('aussie-market', extensions.gen_salt('bf')), now(),
    '{"provider": "email", "providers": ["email"]}',
    jsonb_build_object('display_name', display_name), '', '', '', '', now(), now()
  from person
  returning id, email
)
insert into auth.identities (
  provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at
)
select
  id::text, id,
  jsonb_build_object('sub', id, 'email', email, 'email_verified', true, 'phone_verified', false),
  'email', now(), now(), now()
from signed_up;

update public.users
set
  kyc = 'passed',
  kyc_completed_at = now(),
  role = case
    when email like 'matilda%' then 'moderator'
    when email like 'ruby%' then 'admin'
    when email like 'shirley%' or email like 'bruce%' then 'seller'
    else 'buyer'
  end::public.user_role
where email like '%@example.test';

-- The sellers list by the RPC, so every rule of a listing holds here too.
do $$
declare
  v_offer record;
begin
  for v_offer in
    select u.id as seller_id, offer.*
    from public.users as u
    join (
      values
      ('shirley@example.test', 'Wooden surfboard, 1972', 'Shaped in Torquay, one ding, rides well.', 4, 12000, 20000, null),
      ('shirley@example.test', 'Pair of enamel camp mugs', 'White with a blue rim, hardly used at all.', 2, 500, null, '5 minutes'),
      ('bruce@example.test', 'Film camera with 50 mm lens', 'Light meter works, seals replaced last year.', 1, 8000, 15000, null)
    ) as offer (email, title, description, category_id, start_cents, reserve_cents, lasts)
      on u.email = offer.email
  loop
    perform set_config(
      'request.jwt.claims',
      jsonb_build_object('sub', v_offer.seller_id, 'role', 'authenticated')::text, true
    );
    perform public.create_listing(
      title => v_offer.title,
      description => v_offer.description,
      category_id => v_offer.category_id,
      condition => 'good',
      start_cents => v_offer.start_cents,
      pickup => true,
      shipping => true,
      location => '{"street": "1 Smith Street", "suburb": "Fitzroy", "postcode": "3065", "state": "VIC"}',
      -- A time needs an offset.
      end_at => to_char(
        (now() + v_offer.lasts::interval) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
      ),
      reserve_cents => v_offer.reserve_cents
    );
  end loop;
end $$;
