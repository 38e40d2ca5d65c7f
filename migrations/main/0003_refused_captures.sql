-- Money that was refused although its parcel left is somebody's task: Today looks for it on every visit.

create index captures_refused on captures (shop_id, intent_id) where state = 'failed';
