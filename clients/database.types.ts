// Written by `make types` from the schema and clients/answers.py. Do not edit.
// An RPC that the service role alone may call keeps the answer `Json`: no client calls it.
export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

export type Database = {

  "public": {
          Tables: {
            "auctions": {
                  Row: {
                    "bid_count": number,"created_at": string,"current_price_cents": number,"end_at": string,"extension_count": number,"finalized_at": string | null,"high_bid_id": string | null,"high_bidder_id": string | null,"id": string,"increment_scheme": string,"listing_id": string,"min_next_bid_cents": number,"outage_extension_reason": string | null,"outage_extension_s": number,"reserve_met": boolean,"scheduled_end_at": string,"start_at": string,"status": Database["public"]['Enums']["auction_status"],"updated_at": string,"version": number
                  }
                  ComputedFields: never
                  Insert: {
                    "bid_count"?: number,"created_at"?: string,"current_price_cents": number,"end_at": string,"extension_count"?: number,"finalized_at"?: string | null,"high_bid_id"?: string | null,"high_bidder_id"?: string | null,"id"?: string,"increment_scheme"?: string,"listing_id": string,"min_next_bid_cents": number,"outage_extension_reason"?: string | null,"outage_extension_s"?: number,"reserve_met": boolean,"scheduled_end_at": string,"start_at": string,"status"?: Database["public"]['Enums']["auction_status"],"updated_at"?: string,"version"?: number
                  }
                  Update: {
                    "bid_count"?: number,"created_at"?: string,"current_price_cents"?: number,"end_at"?: string,"extension_count"?: number,"finalized_at"?: string | null,"high_bid_id"?: string | null,"high_bidder_id"?: string | null,"id"?: string,"increment_scheme"?: string,"listing_id"?: string,"min_next_bid_cents"?: number,"outage_extension_reason"?: string | null,"outage_extension_s"?: number,"reserve_met"?: boolean,"scheduled_end_at"?: string,"start_at"?: string,"status"?: Database["public"]['Enums']["auction_status"],"updated_at"?: string,"version"?: number
                  }
                  Relationships: [
                    {
      foreignKeyName: "auctions_high_bidder_id_fkey"
      columns: ["high_bidder_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "auctions_high_bidder_id_fkey"
      columns: ["high_bidder_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "auctions_listing_id_fkey"
      columns: ["listing_id"]
isOneToOne: false
      referencedRelation: "listings"
      referencedColumns: ["id"]
    }
                  ]
                },"audit_logs": {
                  Row: {
                    "action": string,"actor_id": string | null,"created_at": string,"description": string,"entity": string,"entity_id": string | null,"id": string,"metadata": NonNullable<Json>
                  }
                  ComputedFields: never
                  Insert: {
                    "action": string,"actor_id"?: string | null,"created_at"?: string,"description": string,"entity": string,"entity_id"?: string | null,"id"?: string,"metadata"?: NonNullable<Json>
                  }
                  Update: {
                    "action"?: string,"actor_id"?: string | null,"created_at"?: string,"description"?: string,"entity"?: string,"entity_id"?: string | null,"id"?: string,"metadata"?: NonNullable<Json>
                  }
                  Relationships: [

                  ]
                },"bids": {
                  Row: {
                    "accepted": boolean,"amount_cents": number,"auction_id": string,"bidder_id": string,"created_at": string,"id": string,"is_proxy": boolean,"max_proxy_cents": number | null,"placed_at": string,"seq": number
                  }
                  ComputedFields: never
                  Insert: {
                    "accepted"?: boolean,"amount_cents": number,"auction_id": string,"bidder_id": string,"created_at"?: string,"id"?: string,"is_proxy"?: boolean,"max_proxy_cents"?: number | null,"placed_at": string,"seq": number
                  }
                  Update: {
                    "accepted"?: boolean,"amount_cents"?: number,"auction_id"?: string,"bidder_id"?: string,"created_at"?: string,"id"?: string,"is_proxy"?: boolean,"max_proxy_cents"?: number | null,"placed_at"?: string,"seq"?: number
                  }
                  Relationships: [
                    {
      foreignKeyName: "bids_auction_id_fkey"
      columns: ["auction_id"]
isOneToOne: false
      referencedRelation: "auctions"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "bids_bidder_id_fkey"
      columns: ["bidder_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "bids_bidder_id_fkey"
      columns: ["bidder_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    }
                  ]
                },"content_reports": {
                  Row: {
                    "created_at": string,"decided_at": string | null,"decided_by": string | null,"id": string,"listing_id": string | null,"message_id": string | null,"reason": string,"reporter_id": string,"status": Database["public"]['Enums']["report_status"],"updated_at": string,"user_id": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at": string,"decided_at"?: string | null,"decided_by"?: string | null,"id"?: string,"listing_id"?: string | null,"message_id"?: string | null,"reason": string,"reporter_id": string,"status"?: Database["public"]['Enums']["report_status"],"updated_at"?: string,"user_id"?: string | null
                  }
                  Update: {
                    "created_at"?: string,"decided_at"?: string | null,"decided_by"?: string | null,"id"?: string,"listing_id"?: string | null,"message_id"?: string | null,"reason"?: string,"reporter_id"?: string,"status"?: Database["public"]['Enums']["report_status"],"updated_at"?: string,"user_id"?: string | null
                  }
                  Relationships: [
                    {
      foreignKeyName: "content_reports_decided_by_fkey"
      columns: ["decided_by"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "content_reports_decided_by_fkey"
      columns: ["decided_by"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "content_reports_listing_id_fkey"
      columns: ["listing_id"]
isOneToOne: false
      referencedRelation: "listings"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "content_reports_message_id_fkey"
      columns: ["message_id"]
isOneToOne: false
      referencedRelation: "messages"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "content_reports_reporter_id_fkey"
      columns: ["reporter_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "content_reports_reporter_id_fkey"
      columns: ["reporter_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "content_reports_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "content_reports_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    }
                  ]
                },"dispute_evidence": {
                  Row: {
                    "created_at": string,"description": string | null,"dispute_id": string,"evidence_type": Database["public"]['Enums']["evidence_type"],"file_url": string | null,"id": string,"path": string | null,"title": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at"?: string,"description"?: string | null,"dispute_id": string,"evidence_type": Database["public"]['Enums']["evidence_type"],"file_url"?: string | null,"id"?: string,"path"?: string | null,"title": string,"user_id": string
                  }
                  Update: {
                    "created_at"?: string,"description"?: string | null,"dispute_id"?: string,"evidence_type"?: Database["public"]['Enums']["evidence_type"],"file_url"?: string | null,"id"?: string,"path"?: string | null,"title"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "dispute_evidence_dispute_id_fkey"
      columns: ["dispute_id"]
isOneToOne: false
      referencedRelation: "disputes"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "dispute_evidence_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "dispute_evidence_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    }
                  ]
                },"dispute_messages": {
                  Row: {
                    "attachment_name": string | null,"attachment_size": number | null,"attachment_url": string | null,"content": string,"created_at": string,"dispute_id": string,"id": string,"is_internal": boolean,"message_type": Database["public"]['Enums']["dispute_message_type"],"sender_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "attachment_name"?: string | null,"attachment_size"?: number | null,"attachment_url"?: string | null,"content": string,"created_at"?: string,"dispute_id": string,"id"?: string,"is_internal"?: boolean,"message_type"?: Database["public"]['Enums']["dispute_message_type"],"sender_id": string
                  }
                  Update: {
                    "attachment_name"?: string | null,"attachment_size"?: number | null,"attachment_url"?: string | null,"content"?: string,"created_at"?: string,"dispute_id"?: string,"id"?: string,"is_internal"?: boolean,"message_type"?: Database["public"]['Enums']["dispute_message_type"],"sender_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "dispute_messages_dispute_id_fkey"
      columns: ["dispute_id"]
isOneToOne: false
      referencedRelation: "disputes"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "dispute_messages_sender_id_fkey"
      columns: ["sender_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "dispute_messages_sender_id_fkey"
      columns: ["sender_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    }
                  ]
                },"disputes": {
                  Row: {
                    "admin_notes": string | null,"amount_cents": number,"created_at": string,"currency": string,"decision": Database["public"]['Enums']["dispute_decision"] | null,"description": string | null,"dispute_type": Database["public"]['Enums']["dispute_type"],"evidence_urls": (string)[],"id": string,"initiator_id": string,"order_id": string,"payment_id": string | null,"reason": string,"refund_amount_cents": number | null,"refund_cents": number | null,"reinstated_cents": number,"resolution": string | null,"resolution_type": Database["public"]['Enums']["dispute_resolution_type"] | null,"resolved_at": string | null,"respondent_id": string,"state": Database["public"]['Enums']["dispute_state"],"status": Database["public"]['Enums']["dispute_status"],"stripe_dispute_id": string | null,"stripe_status": string | null,"updated_at": string,"withdrawn_cents": number
                  }
                  ComputedFields: never
                  Insert: {
                    "admin_notes"?: string | null,"amount_cents": number,"created_at"?: string,"currency": string,"decision"?: Database["public"]['Enums']["dispute_decision"] | null,"description"?: string | null,"dispute_type": Database["public"]['Enums']["dispute_type"],"evidence_urls"?: (string)[],"id"?: string,"initiator_id": string,"order_id": string,"payment_id"?: string | null,"reason": string,"refund_amount_cents"?: number | null,"refund_cents"?: number | null,"reinstated_cents"?: number,"resolution"?: string | null,"resolution_type"?: Database["public"]['Enums']["dispute_resolution_type"] | null,"resolved_at"?: string | null,"respondent_id": string,"state"?: Database["public"]['Enums']["dispute_state"],"status"?: Database["public"]['Enums']["dispute_status"],"stripe_dispute_id"?: string | null,"stripe_status"?: string | null,"updated_at"?: string,"withdrawn_cents"?: number
                  }
                  Update: {
                    "admin_notes"?: string | null,"amount_cents"?: number,"created_at"?: string,"currency"?: string,"decision"?: Database["public"]['Enums']["dispute_decision"] | null,"description"?: string | null,"dispute_type"?: Database["public"]['Enums']["dispute_type"],"evidence_urls"?: (string)[],"id"?: string,"initiator_id"?: string,"order_id"?: string,"payment_id"?: string | null,"reason"?: string,"refund_amount_cents"?: number | null,"refund_cents"?: number | null,"reinstated_cents"?: number,"resolution"?: string | null,"resolution_type"?: Database["public"]['Enums']["dispute_resolution_type"] | null,"resolved_at"?: string | null,"respondent_id"?: string,"state"?: Database["public"]['Enums']["dispute_state"],"status"?: Database["public"]['Enums']["dispute_status"],"stripe_dispute_id"?: string | null,"stripe_status"?: string | null,"updated_at"?: string,"withdrawn_cents"?: number
                  }
                  Relationships: [
                    {
      foreignKeyName: "disputes_initiator_id_fkey"
      columns: ["initiator_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "disputes_initiator_id_fkey"
      columns: ["initiator_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "disputes_order_id_fkey"
      columns: ["order_id"]
isOneToOne: false
      referencedRelation: "orders"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "disputes_payment_id_fkey"
      columns: ["payment_id"]
isOneToOne: false
      referencedRelation: "payments"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "disputes_respondent_id_fkey"
      columns: ["respondent_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "disputes_respondent_id_fkey"
      columns: ["respondent_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    }
                  ]
                },"ledger_entries": {
                  Row: {
                    "account": Database["public"]['Enums']["ledger_account"],"amount_cents": number,"created_at": string,"currency": string,"description": string,"entry_type": Database["public"]['Enums']["ledger_type"],"fact": string,"id": string,"meta": NonNullable<Json>,"order_id": string,"txn_id": string,"user_id": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "account": Database["public"]['Enums']["ledger_account"],"amount_cents": number,"created_at"?: string,"currency": string,"description": string,"entry_type": Database["public"]['Enums']["ledger_type"],"fact": string,"id"?: string,"meta"?: NonNullable<Json>,"order_id": string,"txn_id": string,"user_id"?: string | null
                  }
                  Update: {
                    "account"?: Database["public"]['Enums']["ledger_account"],"amount_cents"?: number,"created_at"?: string,"currency"?: string,"description"?: string,"entry_type"?: Database["public"]['Enums']["ledger_type"],"fact"?: string,"id"?: string,"meta"?: NonNullable<Json>,"order_id"?: string,"txn_id"?: string,"user_id"?: string | null
                  }
                  Relationships: [
                    {
      foreignKeyName: "ledger_entries_order_id_fkey"
      columns: ["order_id"]
isOneToOne: false
      referencedRelation: "orders"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "ledger_entries_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "ledger_entries_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    }
                  ]
                },"listing_photos": {
                  Row: {
                    "created_at": string,"file_size": number,"height": number,"id": string,"listing_id": string,"mime_type": string,"order_idx": number,"path": string,"perceptual_hash": string | null,"url": string,"width": number
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at"?: string,"file_size": number,"height": number,"id"?: string,"listing_id": string,"mime_type": string,"order_idx"?: number,"path": string,"perceptual_hash"?: string | null,"url": string,"width": number
                  }
                  Update: {
                    "created_at"?: string,"file_size"?: number,"height"?: number,"id"?: string,"listing_id"?: string,"mime_type"?: string,"order_idx"?: number,"path"?: string,"perceptual_hash"?: string | null,"url"?: string,"width"?: number
                  }
                  Relationships: [
                    {
      foreignKeyName: "listing_photos_listing_id_fkey"
      columns: ["listing_id"]
isOneToOne: false
      referencedRelation: "listings"
      referencedColumns: ["id"]
    }
                  ]
                },"listings": {
                  Row: {
                    "bid_count": number,"buy_now_cents": number | null,"category_id": number,"condition": Database["public"]['Enums']["item_condition"],"created_at": string,"current_bid_cents": number | null,"description": string,"end_at": string,"id": string,"location": NonNullable<Json>,"pickup": boolean,"seller_id": string,"shipping": boolean,"start_at": string,"start_cents": number,"status": Database["public"]['Enums']["listing_status"],"title": string,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "bid_count"?: number,"buy_now_cents"?: number | null,"category_id": number,"condition": Database["public"]['Enums']["item_condition"],"created_at"?: string,"current_bid_cents"?: number | null,"description": string,"end_at": string,"id"?: string,"location": NonNullable<Json>,"pickup": boolean,"seller_id": string,"shipping": boolean,"start_at": string,"start_cents": number,"status"?: Database["public"]['Enums']["listing_status"],"title": string,"updated_at"?: string
                  }
                  Update: {
                    "bid_count"?: number,"buy_now_cents"?: number | null,"category_id"?: number,"condition"?: Database["public"]['Enums']["item_condition"],"created_at"?: string,"current_bid_cents"?: number | null,"description"?: string,"end_at"?: string,"id"?: string,"location"?: NonNullable<Json>,"pickup"?: boolean,"seller_id"?: string,"shipping"?: boolean,"start_at"?: string,"start_cents"?: number,"status"?: Database["public"]['Enums']["listing_status"],"title"?: string,"updated_at"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "listings_seller_id_fkey"
      columns: ["seller_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "listings_seller_id_fkey"
      columns: ["seller_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    }
                  ]
                },"message_threads": {
                  Row: {
                    "buyer_id": string,"created_at": string,"id": string,"is_visible_to_seller": boolean,"last_message_at": string,"listing_id": string,"order_id": string | null,"seller_id": string,"subject": string,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "buyer_id": string,"created_at"?: string,"id"?: string,"is_visible_to_seller"?: boolean,"last_message_at"?: string,"listing_id": string,"order_id"?: string | null,"seller_id": string,"subject": string,"updated_at"?: string
                  }
                  Update: {
                    "buyer_id"?: string,"created_at"?: string,"id"?: string,"is_visible_to_seller"?: boolean,"last_message_at"?: string,"listing_id"?: string,"order_id"?: string | null,"seller_id"?: string,"subject"?: string,"updated_at"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "message_threads_buyer_id_fkey"
      columns: ["buyer_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "message_threads_buyer_id_fkey"
      columns: ["buyer_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "message_threads_listing_id_fkey"
      columns: ["listing_id"]
isOneToOne: false
      referencedRelation: "listings"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "message_threads_order_id_fkey"
      columns: ["order_id"]
isOneToOne: false
      referencedRelation: "orders"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "message_threads_seller_id_fkey"
      columns: ["seller_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "message_threads_seller_id_fkey"
      columns: ["seller_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    }
                  ]
                },"messages": {
                  Row: {
                    "action": Database["public"]['Enums']["filter_action"],"attachment_name": string | null,"attachment_size": number | null,"attachment_url": string | null,"client_message_id": string,"content": string,"created_at": string,"delivery": Database["public"]['Enums']["message_delivery"],"id": string,"message_type": Database["public"]['Enums']["message_type"],"read_at": string | null,"reason_codes": (string)[],"recipient_id": string,"rule_version": number,"sender_id": string,"thread_id": string,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "action": Database["public"]['Enums']["filter_action"],"attachment_name"?: string | null,"attachment_size"?: number | null,"attachment_url"?: string | null,"client_message_id": string,"content": string,"created_at"?: string,"delivery": Database["public"]['Enums']["message_delivery"],"id"?: string,"message_type"?: Database["public"]['Enums']["message_type"],"read_at"?: string | null,"reason_codes"?: (string)[],"recipient_id": string,"rule_version": number,"sender_id": string,"thread_id": string,"updated_at"?: string
                  }
                  Update: {
                    "action"?: Database["public"]['Enums']["filter_action"],"attachment_name"?: string | null,"attachment_size"?: number | null,"attachment_url"?: string | null,"client_message_id"?: string,"content"?: string,"created_at"?: string,"delivery"?: Database["public"]['Enums']["message_delivery"],"id"?: string,"message_type"?: Database["public"]['Enums']["message_type"],"read_at"?: string | null,"reason_codes"?: (string)[],"recipient_id"?: string,"rule_version"?: number,"sender_id"?: string,"thread_id"?: string,"updated_at"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "messages_sender_id_fkey"
      columns: ["sender_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "messages_sender_id_fkey"
      columns: ["sender_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "messages_thread_id_fkey"
      columns: ["thread_id"]
isOneToOne: false
      referencedRelation: "message_threads"
      referencedColumns: ["id"]
    }
                  ]
                },"metrics": {
                  Row: {
                    "id": string,"metadata": NonNullable<Json>,"metric_name": string,"metric_type": string,"recorded_at": string,"value": number
                  }
                  ComputedFields: never
                  Insert: {
                    "id"?: string,"metadata"?: NonNullable<Json>,"metric_name": string,"metric_type": string,"recorded_at": string,"value": number
                  }
                  Update: {
                    "id"?: string,"metadata"?: NonNullable<Json>,"metric_name"?: string,"metric_type"?: string,"recorded_at"?: string,"value"?: number
                  }
                  Relationships: [

                  ]
                },"notifications": {
                  Row: {
                    "created_at": string,"dedupe_key": string | null,"id": string,"message": string,"metadata": NonNullable<Json>,"read": boolean,"title": string,"type": string,"updated_at": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at"?: string,"dedupe_key"?: string | null,"id"?: string,"message": string,"metadata"?: NonNullable<Json>,"read"?: boolean,"title": string,"type": string,"updated_at"?: string,"user_id": string
                  }
                  Update: {
                    "created_at"?: string,"dedupe_key"?: string | null,"id"?: string,"message"?: string,"metadata"?: NonNullable<Json>,"read"?: boolean,"title"?: string,"type"?: string,"updated_at"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "notifications_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "notifications_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    }
                  ]
                },"order_events": {
                  Row: {
                    "actor_id": string | null,"actor_kind": Database["public"]['Enums']["actor_kind"],"created_at": string,"from_state": Database["public"]['Enums']["order_state"] | null,"id": number,"order_id": string,"reason": string | null,"to_state": Database["public"]['Enums']["order_state"]
                  }
                  ComputedFields: never
                  Insert: {
                    "actor_id"?: string | null,"actor_kind": Database["public"]['Enums']["actor_kind"],"created_at"?: string,"from_state"?: Database["public"]['Enums']["order_state"] | null,"id"?: never,"order_id": string,"reason"?: string | null,"to_state": Database["public"]['Enums']["order_state"]
                  }
                  Update: {
                    "actor_id"?: string | null,"actor_kind"?: Database["public"]['Enums']["actor_kind"],"created_at"?: string,"from_state"?: Database["public"]['Enums']["order_state"] | null,"id"?: never,"order_id"?: string,"reason"?: string | null,"to_state"?: Database["public"]['Enums']["order_state"]
                  }
                  Relationships: [
                    {
      foreignKeyName: "order_events_actor_id_fkey"
      columns: ["actor_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "order_events_actor_id_fkey"
      columns: ["actor_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "order_events_order_id_fkey"
      columns: ["order_id"]
isOneToOne: false
      referencedRelation: "orders"
      referencedColumns: ["id"]
    }
                  ]
                },"orders": {
                  Row: {
                    "amount_cents": number,"auction_id": string,"buyer_id": string,"cancel_reason": string | null,"cancelled_at": string | null,"created_at": string,"currency": string,"delivered_at": string | null,"id": string,"listing_id": string,"paid_at": string | null,"payment_due_at": string,"platform_fee_bps": number,"platform_fee_cents": number,"protection_eligible": boolean,"ready_at": string | null,"refund_pending": boolean,"refunded_at": string | null,"refunded_cents": number,"released_at": string | null,"seller_amount_cents": number,"seller_id": string,"shipped_at": string | null,"state": Database["public"]['Enums']["order_state"],"state_before_dispute": Database["public"]['Enums']["order_state"] | null,"stripe_payment_intent_id": string | null,"updated_at": string,"version": number,"winning_bid_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "amount_cents": number,"auction_id": string,"buyer_id": string,"cancel_reason"?: string | null,"cancelled_at"?: string | null,"created_at"?: string,"currency"?: string,"delivered_at"?: string | null,"id": string,"listing_id": string,"paid_at"?: string | null,"payment_due_at": string,"platform_fee_bps": number,"platform_fee_cents": number,"protection_eligible"?: boolean,"ready_at"?: string | null,"refund_pending"?: boolean,"refunded_at"?: string | null,"refunded_cents"?: number,"released_at"?: string | null,"seller_amount_cents": number,"seller_id": string,"shipped_at"?: string | null,"state"?: Database["public"]['Enums']["order_state"],"state_before_dispute"?: Database["public"]['Enums']["order_state"] | null,"stripe_payment_intent_id"?: string | null,"updated_at"?: string,"version"?: number,"winning_bid_id": string
                  }
                  Update: {
                    "amount_cents"?: number,"auction_id"?: string,"buyer_id"?: string,"cancel_reason"?: string | null,"cancelled_at"?: string | null,"created_at"?: string,"currency"?: string,"delivered_at"?: string | null,"id"?: string,"listing_id"?: string,"paid_at"?: string | null,"payment_due_at"?: string,"platform_fee_bps"?: number,"platform_fee_cents"?: number,"protection_eligible"?: boolean,"ready_at"?: string | null,"refund_pending"?: boolean,"refunded_at"?: string | null,"refunded_cents"?: number,"released_at"?: string | null,"seller_amount_cents"?: number,"seller_id"?: string,"shipped_at"?: string | null,"state"?: Database["public"]['Enums']["order_state"],"state_before_dispute"?: Database["public"]['Enums']["order_state"] | null,"stripe_payment_intent_id"?: string | null,"updated_at"?: string,"version"?: number,"winning_bid_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "orders_auction_id_fkey"
      columns: ["auction_id"]
isOneToOne: true
      referencedRelation: "auctions"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "orders_buyer_id_fkey"
      columns: ["buyer_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "orders_buyer_id_fkey"
      columns: ["buyer_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "orders_listing_id_fkey"
      columns: ["listing_id"]
isOneToOne: false
      referencedRelation: "listings"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "orders_seller_id_fkey"
      columns: ["seller_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "orders_seller_id_fkey"
      columns: ["seller_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "orders_winning_bid_id_fkey"
      columns: ["winning_bid_id"]
isOneToOne: false
      referencedRelation: "bids"
      referencedColumns: ["id"]
    }
                  ]
                },"outbox": {
                  Row: {
                    "answered_errors": number,"attempts": number,"created_at": string,"dedupe_key": string,"id": string,"kind": string,"last_error": string | null,"lease_token": string | null,"leased_until": string | null,"next_attempt_at": string,"payload": NonNullable<Json>,"status": Database["public"]['Enums']["outbox_status"],"stripe_object_id": string | null,"unanswered_tries": number,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "answered_errors"?: number,"attempts"?: number,"created_at"?: string,"dedupe_key": string,"id": string,"kind": string,"last_error"?: string | null,"lease_token"?: string | null,"leased_until"?: string | null,"next_attempt_at": string,"payload": NonNullable<Json>,"status"?: Database["public"]['Enums']["outbox_status"],"stripe_object_id"?: string | null,"unanswered_tries"?: number,"updated_at"?: string
                  }
                  Update: {
                    "answered_errors"?: number,"attempts"?: number,"created_at"?: string,"dedupe_key"?: string,"id"?: string,"kind"?: string,"last_error"?: string | null,"lease_token"?: string | null,"leased_until"?: string | null,"next_attempt_at"?: string,"payload"?: NonNullable<Json>,"status"?: Database["public"]['Enums']["outbox_status"],"stripe_object_id"?: string | null,"unanswered_tries"?: number,"updated_at"?: string
                  }
                  Relationships: [

                  ]
                },"payments": {
                  Row: {
                    "amount_cents": number,"capturable_amount_cents": number,"created_at": string,"currency": string,"error_message": string | null,"fee_cents": number,"id": string,"order_id": string,"payment_method": string | null,"processed_at": string | null,"provider": string,"provider_ref": string | null,"settles_order": boolean,"status": Database["public"]['Enums']["payment_status"],"stripe_charge_id": string | null,"stripe_payment_intent_id": string,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "amount_cents": number,"capturable_amount_cents"?: number,"created_at"?: string,"currency": string,"error_message"?: string | null,"fee_cents"?: number,"id"?: string,"order_id": string,"payment_method"?: string | null,"processed_at"?: string | null,"provider"?: string,"provider_ref"?: string | null,"settles_order"?: boolean,"status"?: Database["public"]['Enums']["payment_status"],"stripe_charge_id"?: string | null,"stripe_payment_intent_id": string,"updated_at"?: string
                  }
                  Update: {
                    "amount_cents"?: number,"capturable_amount_cents"?: number,"created_at"?: string,"currency"?: string,"error_message"?: string | null,"fee_cents"?: number,"id"?: string,"order_id"?: string,"payment_method"?: string | null,"processed_at"?: string | null,"provider"?: string,"provider_ref"?: string | null,"settles_order"?: boolean,"status"?: Database["public"]['Enums']["payment_status"],"stripe_charge_id"?: string | null,"stripe_payment_intent_id"?: string,"updated_at"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "payments_order_id_fkey"
      columns: ["order_id"]
isOneToOne: false
      referencedRelation: "orders"
      referencedColumns: ["id"]
    }
                  ]
                },"payouts": {
                  Row: {
                    "amount_cents": number,"created_at": string,"id": string,"order_id": string,"outbox_id": string | null,"reversed_cents": number,"seller_id": string,"status": Database["public"]['Enums']["payout_status"],"stripe_transfer_id": string | null,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "amount_cents": number,"created_at"?: string,"id"?: string,"order_id": string,"outbox_id"?: string | null,"reversed_cents"?: number,"seller_id": string,"status"?: Database["public"]['Enums']["payout_status"],"stripe_transfer_id"?: string | null,"updated_at"?: string
                  }
                  Update: {
                    "amount_cents"?: number,"created_at"?: string,"id"?: string,"order_id"?: string,"outbox_id"?: string | null,"reversed_cents"?: number,"seller_id"?: string,"status"?: Database["public"]['Enums']["payout_status"],"stripe_transfer_id"?: string | null,"updated_at"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "payouts_order_id_fkey"
      columns: ["order_id"]
isOneToOne: false
      referencedRelation: "orders"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "payouts_outbox_id_fkey"
      columns: ["outbox_id"]
isOneToOne: true
      referencedRelation: "outbox"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "payouts_seller_id_fkey"
      columns: ["seller_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "payouts_seller_id_fkey"
      columns: ["seller_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    }
                  ]
                },"refunds": {
                  Row: {
                    "amount_cents": number,"created_at": string,"id": string,"idempotency_key": string | null,"initiated_by": string | null,"order_id": string,"payment_id": string,"reason": string | null,"request": Json | null,"status": Database["public"]['Enums']["refund_status"],"stripe_refund_id": string | null,"target_state": Database["public"]['Enums']["refund_target"],"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "amount_cents": number,"created_at"?: string,"id"?: string,"idempotency_key"?: string | null,"initiated_by"?: string | null,"order_id": string,"payment_id": string,"reason"?: string | null,"request"?: Json | null,"status"?: Database["public"]['Enums']["refund_status"],"stripe_refund_id"?: string | null,"target_state": Database["public"]['Enums']["refund_target"],"updated_at"?: string
                  }
                  Update: {
                    "amount_cents"?: number,"created_at"?: string,"id"?: string,"idempotency_key"?: string | null,"initiated_by"?: string | null,"order_id"?: string,"payment_id"?: string,"reason"?: string | null,"request"?: Json | null,"status"?: Database["public"]['Enums']["refund_status"],"stripe_refund_id"?: string | null,"target_state"?: Database["public"]['Enums']["refund_target"],"updated_at"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "refunds_initiated_by_fkey"
      columns: ["initiated_by"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "refunds_initiated_by_fkey"
      columns: ["initiated_by"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "refunds_order_id_fkey"
      columns: ["order_id"]
isOneToOne: false
      referencedRelation: "orders"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "refunds_payment_id_fkey"
      columns: ["payment_id"]
isOneToOne: false
      referencedRelation: "payments"
      referencedColumns: ["id"]
    }
                  ]
                },"shipment_events": {
                  Row: {
                    "created_at": string,"description": string | null,"event_time": string,"id": string,"location": string | null,"shipment_id": string,"status": string
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at"?: string,"description"?: string | null,"event_time": string,"id"?: string,"location"?: string | null,"shipment_id": string,"status": string
                  }
                  Update: {
                    "created_at"?: string,"description"?: string | null,"event_time"?: string,"id"?: string,"location"?: string | null,"shipment_id"?: string,"status"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "shipment_events_shipment_id_fkey"
      columns: ["shipment_id"]
isOneToOne: false
      referencedRelation: "shipments"
      referencedColumns: ["id"]
    }
                  ]
                },"shipments": {
                  Row: {
                    "carrier": string,"created_at": string,"delivered_at": string | null,"first_scan_at": string | null,"id": string,"label_url": string | null,"order_id": string,"tracking": string,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "carrier": string,"created_at"?: string,"delivered_at"?: string | null,"first_scan_at"?: string | null,"id"?: string,"label_url"?: string | null,"order_id": string,"tracking": string,"updated_at"?: string
                  }
                  Update: {
                    "carrier"?: string,"created_at"?: string,"delivered_at"?: string | null,"first_scan_at"?: string | null,"id"?: string,"label_url"?: string | null,"order_id"?: string,"tracking"?: string,"updated_at"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "shipments_order_id_fkey"
      columns: ["order_id"]
isOneToOne: true
      referencedRelation: "orders"
      referencedColumns: ["id"]
    }
                  ]
                },"user_strikes": {
                  Row: {
                    "created_at": string,"expires_at": string,"id": string,"order_id": string,"points": number,"reason": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at"?: string,"expires_at": string,"id"?: string,"order_id": string,"points"?: number,"reason": string,"user_id": string
                  }
                  Update: {
                    "created_at"?: string,"expires_at"?: string,"id"?: string,"order_id"?: string,"points"?: number,"reason"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "user_strikes_order_id_fkey"
      columns: ["order_id"]
isOneToOne: false
      referencedRelation: "orders"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "user_strikes_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "public_profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "user_strikes_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "users"
      referencedColumns: ["id"]
    }
                  ]
                },"users": {
                  Row: {
                    "address": Json | null,"address_normalized": Json | null,"address_verification_method": string | null,"address_verified": boolean,"address_verified_at": string | null,"created_at": string,"deleted_at": string | null,"display_name": string,"dob": string | null,"email": string | null,"id": string,"kyc": Database["public"]['Enums']["kyc_status"],"kyc_completed_at": string | null,"kyc_details": Json | null,"legal_name": string | null,"payouts_enabled": boolean,"phone": string | null,"role": Database["public"]['Enums']["user_role"],"stripe_connect_account_id": string | null,"stripe_customer_id": string | null,"stripe_identity_session_id": string | null,"suspended_at": string | null,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "address"?: Json | null,"address_normalized"?: Json | null,"address_verification_method"?: string | null,"address_verified"?: boolean,"address_verified_at"?: string | null,"created_at"?: string,"deleted_at"?: string | null,"display_name"?: string,"dob"?: string | null,"email"?: string | null,"id": string,"kyc"?: Database["public"]['Enums']["kyc_status"],"kyc_completed_at"?: string | null,"kyc_details"?: Json | null,"legal_name"?: string | null,"payouts_enabled"?: boolean,"phone"?: string | null,"role"?: Database["public"]['Enums']["user_role"],"stripe_connect_account_id"?: string | null,"stripe_customer_id"?: string | null,"stripe_identity_session_id"?: string | null,"suspended_at"?: string | null,"updated_at"?: string
                  }
                  Update: {
                    "address"?: Json | null,"address_normalized"?: Json | null,"address_verification_method"?: string | null,"address_verified"?: boolean,"address_verified_at"?: string | null,"created_at"?: string,"deleted_at"?: string | null,"display_name"?: string,"dob"?: string | null,"email"?: string | null,"id"?: string,"kyc"?: Database["public"]['Enums']["kyc_status"],"kyc_completed_at"?: string | null,"kyc_details"?: Json | null,"legal_name"?: string | null,"payouts_enabled"?: boolean,"phone"?: string | null,"role"?: Database["public"]['Enums']["user_role"],"stripe_connect_account_id"?: string | null,"stripe_customer_id"?: string | null,"stripe_identity_session_id"?: string | null,"suspended_at"?: string | null,"updated_at"?: string
                  }
                  Relationships: [

                  ]
                },"webhook_events": {
                  Row: {
                    "api_version": string | null,"attempts": number,"created_at": string,"error_code": string | null,"error_message": string | null,"event_id": string,"lease_token": string | null,"leased_until": string | null,"livemode": boolean,"next_attempt_at": string | null,"object_id": string | null,"order_id": string | null,"order_ref": string | null,"outcome": string | null,"payload": Json | null,"payload_sha256": string,"payment_intent_id": string | null,"processed_at": string | null,"received_at": string,"source": string,"status": Database["public"]['Enums']["webhook_status"],"type": string
                  }
                  ComputedFields: never
                  Insert: {
                    "api_version"?: string | null,"attempts"?: number,"created_at": string,"error_code"?: string | null,"error_message"?: string | null,"event_id": string,"lease_token"?: string | null,"leased_until"?: string | null,"livemode": boolean,"next_attempt_at"?: string | null,"object_id"?: string | null,"order_id"?: string | null,"order_ref"?: string | null,"outcome"?: string | null,"payload"?: Json | null,"payload_sha256": string,"payment_intent_id"?: string | null,"processed_at"?: string | null,"received_at": string,"source": string,"status"?: Database["public"]['Enums']["webhook_status"],"type": string
                  }
                  Update: {
                    "api_version"?: string | null,"attempts"?: number,"created_at"?: string,"error_code"?: string | null,"error_message"?: string | null,"event_id"?: string,"lease_token"?: string | null,"leased_until"?: string | null,"livemode"?: boolean,"next_attempt_at"?: string | null,"object_id"?: string | null,"order_id"?: string | null,"order_ref"?: string | null,"outcome"?: string | null,"payload"?: Json | null,"payload_sha256"?: string,"payment_intent_id"?: string | null,"processed_at"?: string | null,"received_at"?: string,"source"?: string,"status"?: Database["public"]['Enums']["webhook_status"],"type"?: string
                  }
                  Relationships: [

                  ]
                }
          }
          Views: {
            "public_profiles": {
                  Row: {
                    "display_name": string,"id": string,"kyc_passed": boolean | null,"member_since": string
                  }
                  ComputedFields: never
                  Insert: {
                           "display_name"?: string | null,"id"?: string | null,"kyc_passed"?: never,"member_since"?: string | null
                         }
                        Update: {
                           "display_name"?: string | null,"id"?: string | null,"kyc_passed"?: never,"member_since"?: string | null
                         }
                        Relationships: [

                  ]
                }
          }
          Functions: {
            "act_on_order":
{ Args: { "action": string,"order_id": string,"user_id": string }; Returns: Json
                           },
"activate_due_auctions":
{ Args: { "max_rows"?: number }; Returns: number
                           },
"add_dispute_message":
{ Args: { "client_request_id"?: string,"content": string,"dispute_id": string,"is_internal"?: boolean }; Returns: Answers["add_dispute_message"] | Refusal
                           },
"add_shipment_event":
{ Args: { "description": string,"event_id": string,"event_time": string,"location": string,"order_id": string,"status": string,"user_id": string }; Returns: Json
                           },
"admin_set_role":
{ Args: { "client_request_id"?: string,"reason": string,"role": string,"user_id": string }; Returns: Answers["admin_set_role"] | Refusal
                           },
"advance_reading":
{ Args: { "list": string,"until": number }; Returns: boolean
                           },
"anonymise_account":
{ Args: { "user_id": string }; Returns: Json
                           },
"apply_account_updated":
{ Args: { "account_id": string,"event_id": string,"payouts_enabled": boolean,"read_number": number }; Returns: Json
                           },
"apply_dispute":
{ Args: { "amount_cents": number,"charge_id": string,"created": number,"currency": string,"event_id": string,"order_ref"?: string,"payment_intent_id": string,"reason": string,"reinstated_cents": number,"status": string,"stripe_dispute_id": string,"withdrawn_cents": number }; Returns: Json
                           },
"apply_payment_authorized":
{ Args: { "capturable_cents": number,"event_id": string,"order_id": string,"payment_intent_id": string }; Returns: Json
                           },
"apply_payment_canceled":
{ Args: { "event_id": string,"order_id": string,"payment_intent_id": string }; Returns: Json
                           },
"apply_payment_failed":
{ Args: { "charge_id": string,"error_message": string,"event_id": string,"order_id": string,"payment_intent_id": string }; Returns: Json
                           },
"apply_payment_succeeded":
{ Args: { "amount_cents": number,"buyer_id": string,"charge_id": string,"currency": string,"event_id": string,"order_id": string,"payment_intent_id": string }; Returns: Json
                           },
"apply_refund":
{ Args: { "amount_cents": number,"event_id": string,"order_ref"?: string,"outbox_id": string,"payment_intent_id": string,"status": string,"stripe_refund_id": string }; Returns: Json
                           },
"apply_transfer":
{ Args: { "amount_cents": number,"charge_id": string,"currency": string,"dedupe_key": string,"event_id": string,"order_ref": string,"outbox_id": string,"reversals": Json,"stripe_transfer_id": string }; Returns: Json
                           },
"attach_payment_intent":
{ Args: { "attempt": number,"order_id": string,"payment_intent_id": string }; Returns: Json
                           },
"attach_verification":
{ Args: { "stripe_session_id": string,"verification_id": string }; Returns: Json
                           },
"begin_account_read":
{ Args: { "account_id": string }; Returns: Json
                           },
"begin_onboarding":
{ Args: { "user_id": string }; Returns: Json
                           },
"begin_payment":
{ Args: { "buyer_id": string,"order_id": string }; Returns: Json
                           },
"begin_verification":
{ Args: { "address": Json,"dob": string,"legal_name": string,"user_id": string }; Returns: Json
                           },
"begin_verification_read":
{ Args: { "stripe_session_id": string }; Returns: Json
                           },
"broadcast_time_remaining":
{ Args: { "max_rows"?: number }; Returns: number
                           },
"cancel_listing":
{ Args: { "client_request_id"?: string,"listing_id": string }; Returns: Answers["cancel_listing"] | Refusal
                           },
"check_deletion":
{ Args: { "session_id": string,"user_id": string }; Returns: Json
                           },
"check_image_duplicate":
{ Args: { "p_hash": string,"p_listing_id": string,"p_threshold"?: number }; Returns: Json
                           },
"check_orders":
{ Args: { "max_rows"?: number }; Returns: Json
                           },
"check_upload":
{ Args: { "dispute_id"?: string,"listing_id"?: string,"type": string,"user_id": string }; Returns: Json
                           },
"claim_account_deletions":
{ Args: { "max_rows"?: number }; Returns: Json
                           },
"claim_alerts":
{ Args: { "lease_s": number,"max_rows": number }; Returns: Json
                           },
"claim_differing_intents":
{ Args: { "max_rows"?: number }; Returns: Json
                           },
"claim_differing_orders":
{ Args: { "max_rows"?: number }; Returns: Json
                           },
"claim_open_disputes":
{ Args: { "max_rows"?: number }; Returns: Json
                           },
"claim_open_intents":
{ Args: { "max_rows"?: number }; Returns: Json
                           },
"claim_open_refunds":
{ Args: { "max_rows"?: number }; Returns: Json
                           },
"claim_outbox":
{ Args: { "lease_s": number,"max_rows": number }; Returns: Json
                           },
"claim_send_permission":
{ Args: { "lease_token": string,"outbox_id": string }; Returns: Json
                           },
"claim_stale_verifications":
{ Args: { "max_rows"?: number }; Returns: Json
                           },
"claim_waiting_accounts":
{ Args: { "max_rows"?: number }; Returns: Json
                           },
"claim_webhook_retries":
{ Args: { "lease_s": number,"max_rows": number }; Returns: Json
                           },
"closing_status":
{ Args: { "max_rows"?: number }; Returns: Json
                           },
"confirm_alerts":
{ Args: { "names": (string)[],"subject": string }; Returns: number
                           },
"confirm_payment_transaction":
{ Args: { "amount_cents": number,"charge_id": string,"currency": string,"order_id": string,"payment_intent_id": string,"user_id": string }; Returns: Json
                           },
"create_listing":
{ Args: { "buy_now_cents"?: number,"category_id": number,"client_request_id"?: string,"condition": string,"description": string,"end_at"?: string,"location": Json,"pickup": boolean,"reserve_cents"?: number,"shipping": boolean,"start_at"?: string,"start_cents": number,"title": string }; Returns: Answers["create_listing"] | Refusal
                           },
"cron_status":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"database_is_ready":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"discard_unattached_intents":
{ Args: { "order_refs": (string)[],"payment_intent_ids": (string)[] }; Returns: number
                           },
"end_auction":
{ Args: { "auction_id": string,"force"?: boolean }; Returns: Json
                           },
"end_expired_auctions":
{ Args: { "max_rows"?: number }; Returns: Json
                           },
"expire_unpaid_orders":
{ Args: { "max_rows"?: number }; Returns: number
                           },
"fail_outbox":
{ Args: { "error_code": string,"lease_token": string,"outbox_id": string }; Returns: Json
                           },
"fail_webhook_event":
{ Args: { "error_code": string,"error_message": string,"event_id": string,"lease_token": string }; Returns: Json
                           },
"finalize_auctions":
{ Args: { "actor_id": string,"auction_id"?: string,"force"?: boolean,"reason": string,"request_id": string }; Returns: Json
                           },
"find_auction":
{ Args: { "listing_id": string }; Returns: Json
                           },
"find_orphan_files":
{ Args: { "after_bucket"?: string,"after_path"?: string,"max_rows"?: number }; Returns: Json
                           },
"find_webhook_event":
{ Args: { "event_id"?: string,"since"?: string,"type"?: string }; Returns: Json
                           },
"finish_outbox":
{ Args: { "lease_token": string,"outbox_id": string,"result": Json,"stripe_object_id": string }; Returns: Json
                           },
"get_auction_state":
{ Args: { "auction_id": string }; Returns: Answers["get_auction_state"] | Refusal
                           },
"get_bid_log":
{ Args: { "auction_id": string }; Returns: Answers["get_bid_log"] | Refusal
                           },
"get_listing_private":
{ Args: { "listing_id": string }; Returns: Answers["get_listing_private"] | Refusal
                           },
"get_my_proxy":
{ Args: { "auction_id": string }; Returns: Answers["get_my_proxy"] | Refusal
                           },
"get_order":
{ Args: { "aal": string,"order_id": string,"user_id": string }; Returns: Json
                           },
"get_time_remaining":
{ Args: { "auction_id": string }; Returns: Answers["get_time_remaining"] | Refusal
                           },
"get_verification":
{ Args: { "stripe_session_id"?: string,"user_id": string }; Returns: Json
                           },
"handle_kyc_webhook_update":
{ Args: { "p_address"?: Json,"p_event_created"?: number,"p_event_id"?: string,"p_last_error": Json,"p_read_number"?: number,"p_redaction"?: string,"p_report_id"?: string,"p_status": string,"p_stripe_session_id": string,"p_user_ref"?: string,"p_verified_outputs": Json }; Returns: Json
                           },
"ignore_webhook_event":
{ Args: { "event_id": string,"reason": string }; Returns: Json
                           },
"init_pickup":
{ Args: { "code_hmac": string,"order_id": string,"qr_token_hmac": string,"user_id": string }; Returns: Json
                           },
"ledger_drift":
{ Args: Record<PropertyKey, never>; Returns: {
              "account": string,"actual_cents": number,"currency": string,"expected_cents": number,"order_id": string
            }[]
                           },
"list_dead_events":
{ Args: { "after_id"?: string,"max_rows"?: number }; Returns: Json
                           },
"list_dead_outbox_rows":
{ Args: { "after_id"?: string,"max_rows"?: number }; Returns: Json
                           },
"list_notifications":
{ Args: { "is_unread_only"?: boolean,"max_rows"?: number,"user_id": string }; Returns: Json
                           },
"list_payouts":
{ Args: { "max_rows": number,"user_id": string }; Returns: Json
                           },
"mark_all_notifications_read":
{ Args: Record<PropertyKey, never>; Returns: number
                           },
"mark_notifications":
{ Args: { "notification_id"?: string,"user_id": string }; Returns: Json
                           },
"mark_thread_read":
{ Args: { "thread_id": string }; Returns: number
                           },
"next_auction_deadline":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"open_dispute":
{ Args: { "client_request_id"?: string,"description": string,"dispute_type": string,"order_id": string,"reason": string }; Returns: Answers["open_dispute"] | Refusal
                           },
"place_bid":
{ Args: { "amount_cents": number,"auction_id": string,"client_bid_id"?: string,"max_proxy_cents"?: number }; Returns: Answers["place_bid"] | Refusal
                           },
"process_refund_transaction":
{ Args: { "client_request_id": string,"order_id": string,"refund_amount_cents": number,"refund_reason": string,"user_id": string }; Returns: Json
                           },
"purge_old_rows":
{ Args: { "max_rows"?: number }; Returns: number
                           },
"queue_due_transfers":
{ Args: { "max_rows"?: number }; Returns: number
                           },
"rate_limit_hit":
{ Args: { "action": string,"key": string }; Returns: Json
                           },
"read_gauges":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"reading_window":
{ Args: { "delay_s": number,"list": string,"span_s": number }; Returns: Json
                           },
"record_account_read":
{ Args: { "account_id": string,"payouts_enabled": boolean,"read_number": number }; Returns: Json
                           },
"record_balance_transactions":
{ Args: { "transactions": Json }; Returns: number
                           },
"record_connect_error":
{ Args: { "answered_errors": number,"error_code": string,"user_id": string }; Returns: Json
                           },
"record_dispute":
{ Args: { "amount_cents": number,"charge_id": string,"created": number,"currency": string,"payment_intent_id": string,"reason": string,"reinstated_cents": number,"status": string,"stripe_dispute_id": string,"withdrawn_cents": number }; Returns: Json
                           },
"record_file":
{ Args: { "dispute_id"?: string,"file": Json,"listing_id"?: string,"order_idx"?: number,"path": string,"title": string,"type": string,"url": string,"user_id": string }; Returns: Json
                           },
"record_gauges":
{ Args: Record<PropertyKey, never>; Returns: number
                           },
"record_heartbeat":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"record_intent":
{ Args: { "amount_cents": number,"buyer_id": string,"charge_id": string,"currency": string,"dedupe_key"?: string,"order_id": string,"payment_intent_id": string,"status": string }; Returns: Json
                           },
"record_intent_error":
{ Args: { "answered_errors": number,"attempt": number,"error_code": string,"order_id": string }; Returns: Json
                           },
"record_job_run":
{ Args: { "error"?: string,"failed": number,"job": string,"processed": number,"started_at": string }; Returns: boolean
                           },
"record_refund":
{ Args: { "amount_cents": number,"outbox_id": string,"payment_intent_id": string,"status": string,"stripe_refund_id": string }; Returns: Json
                           },
"record_transfer":
{ Args: { "amount_cents": number,"charge_id": string,"currency": string,"dedupe_key": string,"order_ref": string,"outbox_id": string,"reversals": Json,"stripe_transfer_id": string }; Returns: Json
                           },
"record_verification_error":
{ Args: { "answered_errors": number,"error_code": string,"verification_id": string }; Returns: Json
                           },
"redeem_pickup":
{ Args: { "code_hmac": string,"order_id": string,"qr_token_hmac": string,"request_id": string,"user_id": string }; Returns: Json
                           },
"refund_order":
{ Args: { "aal": string,"client_request_id": string,"order_id": string,"refund_amount_cents": number,"user_id": string }; Returns: Json
                           },
"refund_payment":
{ Args: { "client_request_id": string,"payment_intent_id": string,"refund_reason": string,"user_id": string }; Returns: Json
                           },
"refund_refused_strays":
{ Args: { "max_rows"?: number }; Returns: number
                           },
"reject_outbox":
{ Args: { "error_code": string,"lease_token": string,"outbox_id": string }; Returns: Json
                           },
"release_transfers":
{ Args: { "client_request_id"?: string,"reason": string,"seller_id": string }; Returns: Answers["release_transfers"] | Refusal
                           },
"relist_listing":
{ Args: { "client_request_id"?: string,"end_at"?: string,"listing_id": string,"reserve_cents"?: number,"start_at"?: string }; Returns: Answers["relist_listing"] | Refusal
                           },
"remove_file":
{ Args: { "bucket": string,"listing_id"?: string,"path": string,"photo_id"?: string,"user_id": string }; Returns: Json
                           },
"replay_webhook_event":
{ Args: { "actor_id": string,"event_id": string,"reason": string }; Returns: Json
                           },
"report_content":
{ Args: { "client_request_id"?: string,"listing_id"?: string,"message_id"?: string,"reason": string,"user_id"?: string }; Returns: Answers["report_content"] | Refusal
                           },
"requeue_found_events":
{ Args: { "max_rows"?: number }; Returns: number
                           },
"requeue_ignored_events":
{ Args: { "client_request_id"?: string,"reason"?: string,"since": string,"type": string }; Returns: Answers["requeue_ignored_events"] | Refusal
                           },
"requeue_outbox":
{ Args: { "client_request_id"?: string,"outbox_id": string,"reason": string }; Returns: Answers["requeue_outbox"] | Refusal
                           },
"requeue_webhook_event":
{ Args: { "client_request_id"?: string,"event_id": string }; Returns: Answers["requeue_webhook_event"] | Refusal
                           },
"resolve_dispute":
{ Args: { "client_request_id"?: string,"decision": string,"dispute_id": string,"note": string,"refund_cents"?: number }; Returns: Answers["resolve_dispute"] | Refusal
                           },
"save_shipment":
{ Args: { "carrier": string,"label_url": string,"order_id": string,"tracking": string,"user_id": string }; Returns: Json
                           },
"search_listings":
{ Args: { "listing_status"?: string,"search": string }; Returns: {
              "bid_count": number,
"buy_now_cents": number | null,
"category_id": number,
"condition": Database["public"]['Enums']["item_condition"],
"created_at": string,
"current_bid_cents": number | null,
"description": string,
"end_at": string,
"id": string,
"location": NonNullable<Json>,
"pickup": boolean,
"seller_id": string,
"shipping": boolean,
"start_at": string,
"start_cents": number,
"status": Database["public"]['Enums']["listing_status"],
"title": string,
"updated_at": string
            }[]
                          SetofOptions: {
        from: "*"
        to: "listings"
        isOneToOne: false
        isSetofReturn: true
      } },
"send_message":
{ Args: { "client_message_id": string,"content": string,"thread_id": string }; Returns: Answers["send_message"] | Refusal
                           },
"send_order_reminders":
{ Args: { "max_rows"?: number }; Returns: number
                           },
"session_is_live":
{ Args: { "session_id": string,"user_id": string }; Returns: Json
                           },
"session_is_staff":
{ Args: { "aal": string,"session_id": string,"user_id": string }; Returns: Json
                           },
"set_connect_account":
{ Args: { "account_id": string,"user_id": string }; Returns: Json
                           },
"settle_due_orders":
{ Args: { "max_rows"?: number }; Returns: number
                           },
"staff_decide_message":
{ Args: { "client_request_id"?: string,"message_id": string,"reason": string,"release": boolean }; Returns: Answers["staff_decide_message"] | Refusal
                           },
"staff_decide_report":
{ Args: { "client_request_id"?: string,"reason": string,"report_id": string,"uphold": boolean }; Returns: Answers["staff_decide_report"] | Refusal
                           },
"staff_find_user":
{ Args: { "email": string }; Returns: Answers["staff_find_user"] | Refusal
                           },
"staff_list_faults":
{ Args: { "max_rows"?: number }; Returns: Answers["staff_list_faults"] | Refusal
                           },
"staff_list_held_messages":
{ Args: { "after_id"?: string,"max_rows"?: number }; Returns: Answers["staff_list_held_messages"] | Refusal
                           },
"staff_list_reports":
{ Args: { "after_id"?: string,"max_rows"?: number }; Returns: Answers["staff_list_reports"] | Refusal
                           },
"staff_read_event":
{ Args: { "event_id": string }; Returns: Answers["staff_read_event"] | Refusal
                           },
"staff_read_message":
{ Args: { "message_id": string,"reason": string }; Returns: Answers["staff_read_message"] | Refusal
                           },
"staff_remove_listing":
{ Args: { "client_request_id"?: string,"listing_id": string,"reason": string }; Returns: Answers["staff_remove_listing"] | Refusal
                           },
"staff_remove_photos":
{ Args: { "client_request_id"?: string,"listing_id": string,"reason": string }; Returns: Answers["staff_remove_photos"] | Refusal
                           },
"staff_suspend_user":
{ Args: { "client_request_id"?: string,"lift"?: boolean,"reason": string,"user_id": string }; Returns: Answers["staff_suspend_user"] | Refusal
                           },
"staff_withdraw_bids":
{ Args: { "auction_id": string,"bidder_id": string,"client_request_id"?: string,"reason": string }; Returns: Answers["staff_withdraw_bids"] | Refusal
                           },
"start_thread":
{ Args: { "client_message_id": string,"content": string,"listing_id": string }; Returns: Answers["start_thread"] | Refusal
                           },
"store_webhook_event":
{ Args: { "api_version"?: string,"arguments"?: Json,"created": number,"effect"?: string,"event_id": string,"lease_token": string,"livemode": boolean,"object_id": string,"order_ref": string,"payload": Json,"payload_sha256": string,"payment_intent_id": string,"source": string,"type": string }; Returns: Json
                           },
"take_measurements":
{ Args: { "max_rows"?: number }; Returns: Json
                           },
"transition_order":
{ Args: { "actor_id": string,"actor_kind": Database["public"]['Enums']["actor_kind"],"order_id": string,"reason": string,"to_state": Database["public"]['Enums']["order_state"] }; Returns: Json
                           },
"unknown_event_ids":
{ Args: { "ids": (string)[] }; Returns: Json
                           },
"unreturned_payments":
{ Args: Record<PropertyKey, never>; Returns: {
              "captured_cents": number,"currency": string,"order_id": string,"payment_intent_id": string,"unreturned_cents": number
            }[]
                           },
"update_listing":
{ Args: { "changes": Json,"client_request_id"?: string,"listing_id": string }; Returns: Answers["update_listing"] | Refusal
                           }
          }
          Enums: {
            "actor_kind": "buyer"|"seller"|"system"|"stripe"|"admin","auction_status": "scheduled"|"live"|"finalized"|"no_sale"|"cancelled","dispute_decision": "refund"|"partial"|"deny","dispute_message_type": "user"|"admin"|"system","dispute_resolution_type": "full_refund"|"partial_refund"|"replacement"|"compensation"|"no_action","dispute_state": "open"|"needs_evidence"|"review"|"resolved","dispute_status": "open"|"under_review"|"resolved"|"closed"|"escalated","dispute_type": "item_not_received"|"item_not_as_described"|"damaged_item"|"wrong_item"|"other","evidence_type": "photo"|"document"|"screenshot"|"other","filter_action": "allow"|"warn"|"mask"|"hold","item_condition": "new"|"like_new"|"good"|"fair"|"parts","kyc_status": "none"|"pending"|"passed"|"failed","ledger_account": "buyer"|"stripe_clearing"|"platform_fee"|"seller_payable"|"refunds"|"dispute_hold","ledger_type": "AUTH"|"CAPTURE"|"HOLD"|"RELEASE"|"FEE"|"PAYOUT"|"REFUND"|"ADJUST","listing_status": "scheduled"|"live"|"ended"|"cancelled","message_delivery": "delivered"|"held"|"rejected","message_type": "text"|"image"|"file"|"system","order_state": "pending_payment"|"paid"|"ready_for_handover"|"shipped"|"delivered"|"released"|"refunded"|"cancelled"|"disputed","outbox_status": "queued"|"leased"|"done"|"canceled"|"dead","payment_status": "requires_payment"|"processing"|"authorized"|"captured"|"failed"|"cancelled"|"partially_refunded"|"refunded","payout_status": "queued"|"paid"|"reversed"|"canceled"|"dead","refund_status": "pending"|"succeeded"|"failed"|"canceled","refund_target": "refunded"|"cancelled"|"none","report_status": "open"|"upheld"|"dismissed","user_role": "buyer"|"seller"|"moderator"|"admin","webhook_status": "received"|"failed"|"processed"|"ignored"|"dead"
          }
          CompositeTypes: {
            [_ in never]: never
          }
        }
}

type DatabaseWithoutInternals = Omit<Database, '__InternalSupabase'>

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">]

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
        DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
      DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])[TableName] extends {
      Row: infer R
    }
    ? R
    : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
  ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
      Row: infer R
    }
    ? R
    : never
  : never

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Insert: infer I
    }
    ? I
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Insert: infer I
    }
    ? I
    : never
  : never

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Update: infer U
    }
    ? U
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Update: infer U
    }
    ? U
    : never
  : never

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
  ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
  : never

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
  ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
  : never

export const Constants = {
  "public": {
          Enums: {
            "actor_kind": ["buyer", "seller", "system", "stripe", "admin"],"auction_status": ["scheduled", "live", "finalized", "no_sale", "cancelled"],"dispute_decision": ["refund", "partial", "deny"],"dispute_message_type": ["user", "admin", "system"],"dispute_resolution_type": ["full_refund", "partial_refund", "replacement", "compensation", "no_action"],"dispute_state": ["open", "needs_evidence", "review", "resolved"],"dispute_status": ["open", "under_review", "resolved", "closed", "escalated"],"dispute_type": ["item_not_received", "item_not_as_described", "damaged_item", "wrong_item", "other"],"evidence_type": ["photo", "document", "screenshot", "other"],"filter_action": ["allow", "warn", "mask", "hold"],"item_condition": ["new", "like_new", "good", "fair", "parts"],"kyc_status": ["none", "pending", "passed", "failed"],"ledger_account": ["buyer", "stripe_clearing", "platform_fee", "seller_payable", "refunds", "dispute_hold"],"ledger_type": ["AUTH", "CAPTURE", "HOLD", "RELEASE", "FEE", "PAYOUT", "REFUND", "ADJUST"],"listing_status": ["scheduled", "live", "ended", "cancelled"],"message_delivery": ["delivered", "held", "rejected"],"message_type": ["text", "image", "file", "system"],"order_state": ["pending_payment", "paid", "ready_for_handover", "shipped", "delivered", "released", "refunded", "cancelled", "disputed"],"outbox_status": ["queued", "leased", "done", "canceled", "dead"],"payment_status": ["requires_payment", "processing", "authorized", "captured", "failed", "cancelled", "partially_refunded", "refunded"],"payout_status": ["queued", "paid", "reversed", "canceled", "dead"],"refund_status": ["pending", "succeeded", "failed", "canceled"],"refund_target": ["refunded", "cancelled", "none"],"report_status": ["open", "upheld", "dismissed"],"user_role": ["buyer", "seller", "moderator", "admin"],"webhook_status": ["received", "failed", "processed", "ignored", "dead"]
          }
        }
} as const

/** A refusal of an RPC: decide by `code`, see docs/errors.md. */
export type Refusal = {
  success: false
  code: string
  error: string
  field?: string | null
  start?: number | null
  end?: number | null
  minimum_bid_cents?: number | null
  retry_after_ms?: number | null
}

/** The answer of each RPC that does not refuse. */
export type Answers = {
  add_dispute_message: {
    success: true
    message_id: string
  }
  admin_set_role: {
    success: true
  }
  cancel_listing: {
    success: true
  }
  create_listing: {
    success: true
    listing: Tables<'listings'>
    auction_id: string
  }
  get_auction_state: {
    success?: undefined
    auction_id: string
    status: Enums<'auction_status'>
    end_at: string
    server_time: string
    time_remaining: number
    version: number
    current_price_cents: number
    bid_count: number
    high_bidder_id: string | null
    min_next_bid_cents: number
    reserve_met: boolean
  }
  get_bid_log: {
    success: true
    auction_id: string
    rows: {
      seq: number
      kind: string
      record: Json
      commitment: string | null
      opened: Json
      previous_hash: string | null
      hash: string
    }[]
  }
  get_listing_private: {
    success?: undefined
    reserve_cents: number | null
    street: string
  }
  get_my_proxy: {
    success?: undefined
    auction_id: string
    max_cents: number
    is_leading: boolean
    updated_at: string
  } | null
  get_time_remaining: {
    success?: undefined
    auction_id: string
    status: Enums<'auction_status'>
    end_at: string
    server_time: string
    time_remaining: number
    version: number
  }
  open_dispute: {
    success: true
    dispute_id: string
  }
  place_bid: {
    success: true
    bid_id: string
    amount_cents: number
    is_proxy_bid: boolean
    outbid_previous: boolean
    previous_bidder_id: string | null
    previous_amount_cents: number | null
    extension_seconds: number
    new_end_at: string
    is_leading: boolean
    current_price_cents: number
    min_next_bid_cents: number
    reserve_met: boolean
    end_at: string
    server_time: string
    version: number
    seq: number
    hash: string
    salt: string
    received_at: string
    time_left_ms: number
    idempotent: boolean
  }
  release_transfers: {
    success: true
    reversals: number
  }
  relist_listing: {
    success: true
    listing: Tables<'listings'>
    auction_id: string
  }
  report_content: {
    success: true
    report_id: string
  }
  requeue_ignored_events: {
    success: true
    count: number
  }
  requeue_outbox: {
    success: true
  }
  requeue_webhook_event: {
    success: true
  }
  resolve_dispute: {
    success: true
  }
  send_message: {
    success: true
    thread_id: string
    message_id: string
    action: Enums<'filter_action'>
    reason_codes: string[]
    rule_version: number
    content: string
    delivery: Enums<'message_delivery'>
    idempotent: boolean
  }
  staff_decide_message: {
    success: true
    delivery: Enums<'message_delivery'>
  }
  staff_decide_report: {
    success: true
  }
  staff_find_user: {
    success: true
    user_id: string
  }
  staff_list_faults: {
    success: true
    orders: {
      order_id: string
      has_drift: boolean
      difference_cents: number
      differs_since: string | null
      is_blocked: boolean
      checked_at: string
    }[]
    outages: {
      started_at: string
      ended_at: string
    }[]
  }
  staff_list_held_messages: {
    success: true
    messages: {
      id: string
      thread_id: string
      sender_id: string
      listing_id: string
      subject: string
      content: string
      reason_codes: string[]
      risk_score: number | null
      created_at: string
    }[]
  }
  staff_list_reports: {
    success: true
    reports: {
      id: string
      reporter_id: string
      listing_id: string | null
      message_id: string | null
      user_id: string | null
      reported_user_id: string
      reason: string
      created_at: string
    }[]
  }
  staff_read_event: {
    success: true
    event: {
      event_id: string
      source: string
      type: string
      object_id: string | null
      order_id: string | null
      status: string
      outcome: string | null
      attempts: number
      error_code: string | null
      error_message: string | null
      created_at: string
      received_at: string
      next_attempt_at: string | null
      processed_at: string | null
    }
  }
  staff_read_message: {
    success: true
    message_id: string
    thread_id: string
    sender_id: string
    original: string | null
    content: string
    action: Enums<'filter_action'>
    delivery: Enums<'message_delivery'>
    reason_codes: string[]
    risk_score: number | null
    findings: Json
    rule_version: number
  }
  staff_remove_listing: {
    success: true
  }
  staff_remove_photos: {
    success: true
  }
  staff_suspend_user: {
    success: true
  }
  staff_withdraw_bids: {
    success: true
  }
  start_thread: {
    success: true
    thread_id: string
    message_id: string
    action: Enums<'filter_action'>
    reason_codes: string[]
    rule_version: number
    content: string
    delivery: Enums<'message_delivery'>
    idempotent: boolean
  }
  update_listing: {
    success: true
    listing: Tables<'listings'>
  }
}
