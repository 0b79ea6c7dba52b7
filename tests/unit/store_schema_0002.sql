BEGIN TRANSACTION;
CREATE TABLE adapters (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT DEFAULT '' NOT NULL, 
	base_model TEXT DEFAULT '' NOT NULL, 
	path TEXT DEFAULT '' NOT NULL, 
	sha256 VARCHAR(64) DEFAULT '' NOT NULL, 
	card TEXT DEFAULT '{}' NOT NULL, 
	gate TEXT DEFAULT '{}' NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	share DOUBLE DEFAULT '0' NOT NULL, 
	created_by TEXT DEFAULT '' NOT NULL, 
	created_at DATETIME NOT NULL, 
	live_since DATETIME, 
	CONSTRAINT uq_adapters_name UNIQUE (name)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE api_tokens (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	user_id VARCHAR(64) NOT NULL, 
	name TEXT DEFAULT '' NOT NULL, 
	token_sha256 VARCHAR(64) NOT NULL, 
	prefix TEXT DEFAULT '' NOT NULL, 
	rights TEXT DEFAULT '[]' NOT NULL, 
	collections TEXT, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	used_at DATETIME, 
	revoked_at DATETIME, 
	CONSTRAINT uq_api_tokens_token_sha256 UNIQUE (token_sha256), 
	CONSTRAINT fk_api_tokens_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE audit (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at DATETIME NOT NULL, 
	user_id TEXT DEFAULT '' NOT NULL, 
	action TEXT DEFAULT '' NOT NULL, 
	subject TEXT DEFAULT '' NOT NULL, 
	detail TEXT DEFAULT '{}' NOT NULL, 
	previous VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL
);
CREATE TABLE changes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kind VARCHAR(8) NOT NULL, 
	document_id INTEGER NOT NULL, 
	chunk_ids TEXT DEFAULT '[]' NOT NULL, 
	created_at DATETIME NOT NULL
);
INSERT INTO "changes" VALUES(1,'add',1,'[1,2]','2026-11-23 22:12:11.344661');
CREATE TABLE chunks (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	document_id INTEGER NOT NULL, 
	spec_id INTEGER NOT NULL, 
	ordinal INTEGER NOT NULL, 
	text TEXT DEFAULT '' NOT NULL, 
	page_start INTEGER NOT NULL, 
	page_end INTEGER NOT NULL, 
	char_start INTEGER NOT NULL, 
	char_end INTEGER NOT NULL, 
	section_path TEXT DEFAULT '[]' NOT NULL, 
	table_header TEXT DEFAULT '' NOT NULL, 
	boxes TEXT DEFAULT '[]' NOT NULL, 
	token_count INTEGER NOT NULL, 
	language VARCHAR(8) NOT NULL, 
	embedded_sha256 VARCHAR(64) NOT NULL, page_type VARCHAR(24) DEFAULT '' NOT NULL, 
	CONSTRAINT uq_chunks_document_id_spec_id_ordinal UNIQUE (document_id, spec_id, ordinal), 
	CONSTRAINT fk_chunks_document_id FOREIGN KEY(document_id) REFERENCES documents (id) ON DELETE CASCADE, 
	CONSTRAINT fk_chunks_spec_id FOREIGN KEY(spec_id) REFERENCES embedding_specs (id)
);
INSERT INTO "chunks" VALUES(1,1,1,0,'净利润一亿',1,1,0,5,'["第一章","1.1"]','项目 | 2024','[[1,0.1,0.2,0.9,0.14285714285714285],[1,0.1,0.2,0.9,0.14285714285714285]]',12,'zh','c1ee827734d1b5f0f166bf766ac3fc3f5b3abda56f87d99e31173132d0c203df','');
INSERT INTO "chunks" VALUES(2,1,1,1,'page two',2,2,6,14,'["第一章","1.1"]','项目 | 2024','[[2,0.1,0.2,0.9,0.14285714285714285],[2,0.1,0.2,0.9,0.14285714285714285]]',12,'zh','bc437d733d36dab424e68a96432e4d41755ec23550a064e4f475eff4de7879eb','');
CREATE TABLE collections (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT uq_collections_name UNIQUE (name)
);
INSERT INTO "collections" VALUES(1,'default','2026-11-23 22:12:11.261191');
CREATE TABLE conversations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	user_id TEXT DEFAULT '' NOT NULL, 
	title TEXT DEFAULT '' NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL
);
INSERT INTO "conversations" VALUES(1,'local','净利润是多少？','2026-11-23 22:12:11.364133','2026-11-23 22:12:11.364022');
CREATE TABLE datasets (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT DEFAULT '' NOT NULL, 
	source TEXT DEFAULT '' NOT NULL, 
	created_by TEXT DEFAULT '' NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT uq_datasets_name UNIQUE (name)
);
CREATE TABLE document_sources (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	source TEXT DEFAULT '' NOT NULL, 
	document_id INTEGER NOT NULL, 
	CONSTRAINT uq_document_sources_document_id_source UNIQUE (document_id, source), 
	CONSTRAINT fk_document_sources_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id), 
	CONSTRAINT fk_document_sources_document_id FOREIGN KEY(document_id) REFERENCES documents (id) ON DELETE CASCADE
);
INSERT INTO "document_sources" VALUES(1,1,'',1);
INSERT INTO "document_sources" VALUES(2,1,'/reports/等待.pdf',2);
CREATE TABLE document_specs (
	document_id INTEGER NOT NULL, 
	spec_id INTEGER NOT NULL, 
	chunk_count INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_document_specs PRIMARY KEY (document_id, spec_id), 
	CONSTRAINT fk_document_specs_document_id FOREIGN KEY(document_id) REFERENCES documents (id) ON DELETE CASCADE, 
	CONSTRAINT fk_document_specs_spec_id FOREIGN KEY(spec_id) REFERENCES embedding_specs (id)
);
INSERT INTO "document_specs" VALUES(1,1,2);
CREATE TABLE documents (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	name TEXT DEFAULT '' NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	rendition_sha256 VARCHAR(64) DEFAULT '' NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	source TEXT DEFAULT '' NOT NULL, 
	password TEXT, 
	media_type TEXT DEFAULT '' NOT NULL, 
	title TEXT DEFAULT '' NOT NULL, 
	language VARCHAR(8) DEFAULT 'other' NOT NULL, 
	page_kind VARCHAR(16) DEFAULT 'physical' NOT NULL, 
	metadata_json TEXT DEFAULT '{}' NOT NULL, 
	page_count INTEGER DEFAULT '0' NOT NULL, 
	chunk_count INTEGER DEFAULT '0' NOT NULL, 
	pages_done INTEGER DEFAULT '0' NOT NULL, 
	chunks_done INTEGER DEFAULT '0' NOT NULL, 
	error_code TEXT DEFAULT '' NOT NULL, 
	error_params TEXT DEFAULT '{}' NOT NULL, 
	warnings TEXT DEFAULT '[]' NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	lease_owner TEXT DEFAULT '' NOT NULL, 
	lease_token VARCHAR(32) DEFAULT '' NOT NULL, 
	lease_until DOUBLE DEFAULT '0' NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, about TEXT DEFAULT '{}' NOT NULL, about_edited TEXT DEFAULT '[]' NOT NULL, 
	CONSTRAINT uq_documents_collection_id_sha256 UNIQUE (collection_id, sha256), 
	CONSTRAINT fk_documents_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id)
);
INSERT INTO "documents" VALUES(1,1,'年报 😀.pdf','7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed','',3,'ready','',NULL,'application/pdf','A title','zh','physical','{"author":"某"}',2,2,2,2,'','{}','["warn.x"]',1,'','',0.0,'2026-11-23 22:12:11.296662','2026-11-23 22:12:11.341967','{}','[]');
INSERT INTO "documents" VALUES(2,1,'等待.pdf','3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3','',3,'queued','/reports/等待.pdf',NULL,'','','other','physical','{}',0,0,0,0,'','{}','[]',0,'','',0.0,'2026-11-23 22:12:11.357875','2026-11-23 22:12:11.357875','{}','[]');
CREATE TABLE embedding_specs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	fingerprint VARCHAR(64) NOT NULL, 
	spec TEXT DEFAULT '' NOT NULL, 
	active INTEGER, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT uq_embedding_specs_fingerprint UNIQUE (fingerprint), 
	CONSTRAINT uq_embedding_specs_active UNIQUE (active)
);
INSERT INTO "embedding_specs" VALUES(1,'b28342509ccbccf2e643426061f7c528e7fef5480541352980a8d74e2dab9694','{"chunker":"ck1","dimension":8,"languages":["en","zh"],"max_tokens":256,"model":"tiny","normalized":true,"query_instruction":"query: ","revision":"r1"}',1,'2026-11-23 22:12:11.325514');
CREATE TABLE eval_results (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	run_id INTEGER NOT NULL, 
	system TEXT DEFAULT '' NOT NULL, 
	question_key TEXT DEFAULT '' NOT NULL, 
	question TEXT DEFAULT '{}' NOT NULL, 
	answer TEXT DEFAULT '{}' NOT NULL, 
	measures TEXT DEFAULT '{}' NOT NULL, 
	error_class VARCHAR(32) DEFAULT '' NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT uq_eval_results_run_id_system_question_key UNIQUE (run_id, system, question_key), 
	CONSTRAINT fk_eval_results_run_id FOREIGN KEY(run_id) REFERENCES eval_runs (id) ON DELETE CASCADE
);
CREATE TABLE eval_runs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT DEFAULT '' NOT NULL, 
	dataset TEXT DEFAULT '' NOT NULL, 
	dataset_sha256 VARCHAR(64) DEFAULT '' NOT NULL, 
	systems TEXT DEFAULT '[]' NOT NULL, 
	settings TEXT DEFAULT '{}' NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	asked INTEGER DEFAULT '0' NOT NULL, 
	total INTEGER DEFAULT '0' NOT NULL, 
	summary TEXT DEFAULT '{}' NOT NULL, 
	created_by TEXT DEFAULT '' NOT NULL, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	collections TEXT DEFAULT '[]' NOT NULL
);
CREATE TABLE figures (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at_s BIGINT NOT NULL, 
	request_id VARCHAR(64) NOT NULL, 
	turn_id INTEGER, 
	question_key VARCHAR(32) NOT NULL, 
	mode VARCHAR(16) NOT NULL, 
	outcome VARCHAR(16) NOT NULL, 
	code TEXT DEFAULT '' NOT NULL, 
	model TEXT DEFAULT '' NOT NULL, 
	adapter TEXT DEFAULT '' NOT NULL, 
	from_cache BOOLEAN NOT NULL, 
	tokens_in INTEGER DEFAULT '0' NOT NULL, 
	tokens_out INTEGER DEFAULT '0' NOT NULL, 
	cost DOUBLE DEFAULT '0' NOT NULL, 
	passages INTEGER DEFAULT '0' NOT NULL, 
	groundedness DOUBLE, 
	first_token_ms DOUBLE, 
	total_ms DOUBLE NOT NULL, 
	stages_ms TEXT DEFAULT '{}' NOT NULL, 
	degraded TEXT DEFAULT '[]' NOT NULL
);
CREATE TABLE golden_questions (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	dataset_id INTEGER NOT NULL, 
	"key" TEXT DEFAULT '' NOT NULL, 
	question TEXT DEFAULT '{}' NOT NULL, 
	state VARCHAR(16) DEFAULT 'accepted' NOT NULL, 
	origin TEXT DEFAULT '' NOT NULL, 
	reviewed_by TEXT DEFAULT '' NOT NULL, 
	collections TEXT DEFAULT '[]' NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT uq_golden_questions_dataset_id_key UNIQUE (dataset_id, "key"), 
	CONSTRAINT fk_golden_questions_dataset_id FOREIGN KEY(dataset_id) REFERENCES datasets (id) ON DELETE CASCADE
);
CREATE TABLE idempotency (
	user_id VARCHAR(64) NOT NULL, 
	"key" VARCHAR(200) NOT NULL, 
	request_sha256 VARCHAR(64) NOT NULL, 
	status INTEGER NOT NULL, 
	response TEXT DEFAULT '{}' NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_idempotency PRIMARY KEY (user_id, "key")
);
CREATE TABLE memberships (
	collection_id INTEGER NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	may_write BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_memberships PRIMARY KEY (collection_id, user_id), 
	CONSTRAINT fk_memberships_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE, 
	CONSTRAINT fk_memberships_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE orphans (
	sha256 VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_orphans PRIMARY KEY (sha256)
);
CREATE TABLE pages (
	document_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	text TEXT DEFAULT '' NOT NULL, 
	width_pt DOUBLE NOT NULL, 
	height_pt DOUBLE NOT NULL, 
	geometry BLOB NOT NULL, 
	CONSTRAINT pk_pages PRIMARY KEY (document_id, number), 
	CONSTRAINT fk_pages_document_id FOREIGN KEY(document_id) REFERENCES documents (id) ON DELETE CASCADE
);
INSERT INTO "pages" VALUES(1,1,'净利润一亿',595.28,841.89,X'7801AB56CAC9CC4B2D56B28A8E36D031D531D03384624B206D8C06626375943252135332F3D2A13A8C750C4182258949390843945E2EDCF97CF63A851A0523032313A5D8D85A006A241D5C');
INSERT INTO "pages" VALUES(1,2,'page two',595.28,841.89,X'7801AB56CAC9CC4B2D56B28A8E36D0B1D031D03384624B206D8C06626375943252135332F3D2A13A8C750C4182258949390843945E2EDCF97CF63A851A0523032313A5D8D85A006B6B1D62');
CREATE TABLE prompts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	use VARCHAR(32) NOT NULL, 
	language VARCHAR(8) NOT NULL, 
	text TEXT DEFAULT '' NOT NULL, 
	note TEXT DEFAULT '' NOT NULL, 
	fingerprint VARCHAR(12) NOT NULL, 
	created_by TEXT DEFAULT '' NOT NULL, 
	created_at DATETIME NOT NULL
);
CREATE TABLE rule_hits (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	rule_id INTEGER NOT NULL, 
	turn_id INTEGER, 
	user_id TEXT DEFAULT '' NOT NULL, 
	question TEXT DEFAULT '' NOT NULL, 
	detail TEXT DEFAULT '{}' NOT NULL, 
	state VARCHAR(16) DEFAULT 'open' NOT NULL, 
	note TEXT DEFAULT '' NOT NULL, 
	reviewed_by TEXT DEFAULT '' NOT NULL, 
	reviewed_at DATETIME, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT fk_rule_hits_rule_id FOREIGN KEY(rule_id) REFERENCES rules (id), 
	CONSTRAINT fk_rule_hits_turn_id FOREIGN KEY(turn_id) REFERENCES turns (id) ON DELETE SET NULL
);
CREATE TABLE rules (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT DEFAULT '' NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	definition TEXT DEFAULT '{}' NOT NULL, 
	active BOOLEAN DEFAULT 1 NOT NULL, 
	retired BOOLEAN DEFAULT 0 NOT NULL, 
	shipped VARCHAR(32), 
	created_by TEXT DEFAULT '' NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT uq_rules_shipped UNIQUE (shipped)
);
CREATE TABLE secrets (
	name VARCHAR(64) NOT NULL, 
	value VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_secrets PRIMARY KEY (name)
);
CREATE TABLE sessions (
	token_sha256 VARCHAR(64) NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (token_sha256), 
	CONSTRAINT fk_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE sign_in_failures (
	key_sha256 VARCHAR(64) NOT NULL, 
	failures INTEGER DEFAULT '0' NOT NULL, 
	last_at DOUBLE NOT NULL, 
	CONSTRAINT pk_sign_in_failures PRIMARY KEY (key_sha256)
);
CREATE TABLE traces (
	figures_id INTEGER NOT NULL, 
	trace_id VARCHAR(32) NOT NULL, 
	spans TEXT DEFAULT '[]' NOT NULL, 
	CONSTRAINT pk_traces PRIMARY KEY (figures_id), 
	CONSTRAINT fk_traces_figures_id FOREIGN KEY(figures_id) REFERENCES figures (id) ON DELETE CASCADE
);
CREATE TABLE train_sets (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT DEFAULT '' NOT NULL, 
	path TEXT DEFAULT '' NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	card TEXT DEFAULT '{}' NOT NULL, 
	state VARCHAR(16) DEFAULT 'draft' NOT NULL, 
	created_by TEXT DEFAULT '' NOT NULL, 
	created_at DATETIME NOT NULL
);
CREATE TABLE tune_jobs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kind VARCHAR(16) NOT NULL, 
	config TEXT DEFAULT '{}' NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	progress TEXT DEFAULT '{}' NOT NULL, 
	log_path TEXT DEFAULT '' NOT NULL, 
	error TEXT DEFAULT '{}' NOT NULL, 
	created_by TEXT DEFAULT '' NOT NULL, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME
);
CREATE TABLE turns (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	conversation_id INTEGER NOT NULL, 
	user_id TEXT DEFAULT '' NOT NULL, 
	created_at DATETIME NOT NULL, 
	question TEXT DEFAULT '' NOT NULL, 
	mode VARCHAR(16) NOT NULL, 
	refused BOOLEAN NOT NULL, 
	incomplete BOOLEAN NOT NULL, 
	model TEXT DEFAULT '' NOT NULL, 
	prompt_version TEXT DEFAULT '' NOT NULL, 
	answer TEXT DEFAULT '{}' NOT NULL, 
	rating SMALLINT DEFAULT '0' NOT NULL, 
	reasons TEXT DEFAULT '[]' NOT NULL, 
	comment TEXT DEFAULT '' NOT NULL, 
	rated_at DATETIME, correction TEXT DEFAULT '' NOT NULL, review VARCHAR(16) DEFAULT '' NOT NULL, reviewed_by TEXT DEFAULT '' NOT NULL, collections TEXT, 
	CONSTRAINT fk_turns_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE
);
INSERT INTO "turns" VALUES(1,1,'local','2026-11-23 22:12:11.364022','净利润是多少？','generative',0,1,'Qwen/Qwen3-8B','p1','{"turn_id":null,"conversation_id":1,"question":"净利润是多少？","standalone_question":"净利润是多少？","text":"一亿。[1]","mode":"generative","refused":false,"refusal_code":"","model":"Qwen/Qwen3-8B","citations":[{"marker":1,"chunk_id":7,"document_id":2,"document":"年报.pdf","page_start":3,"page_end":3,"quote":"净利润一亿","char_start":10,"char_end":15,"boxes":[{"page":3,"x0":0.1,"y0":0.2,"x1":0.3,"y1":0.4}]}],"passages":[{"rank":1,"chunk_id":7,"document_id":2,"document":"年报.pdf","title":"年报","page_start":3,"page_end":4,"section_path":["一","二"],"table_header":"项目 | 2024","text":"净利润一亿。","char_start":10,"char_end":16,"boxes":[{"page":3,"x0":0.1,"y0":0.2,"x1":0.3,"y1":0.4}],"language":"zh","page_kind":"physical","score":0.031,"cosine":0.8,"bm25":null,"rerank_logit":-1.5}],"degraded":[{"part":"dense","code":"degraded.x","params":{"why":"没有"}}],"incomplete":true,"thinking":"想一想 🤔","prompt_version":"p1","timings_ms":{"search":5.25,"total":1200.0}}',1,'["clear"]','好','2026-11-23 22:12:11.378142','','','',NULL);
CREATE TABLE users (
	id VARCHAR(64) NOT NULL, 
	name TEXT DEFAULT '' NOT NULL, 
	shown_name TEXT DEFAULT '' NOT NULL, 
	password_hash TEXT DEFAULT '' NOT NULL, 
	oidc_subject TEXT, 
	roles TEXT DEFAULT '[]' NOT NULL, 
	active BOOLEAN DEFAULT 1 NOT NULL, 
	must_change_password BOOLEAN DEFAULT 0 NOT NULL, 
	created_at DATETIME NOT NULL, 
	signed_in_at DATETIME, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_name UNIQUE (name), 
	CONSTRAINT uq_users_oidc_subject UNIQUE (oidc_subject)
);
CREATE TABLE vectors (
	chunk_id INTEGER NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_vectors PRIMARY KEY (chunk_id), 
	CONSTRAINT fk_vectors_chunk_id FOREIGN KEY(chunk_id) REFERENCES chunks (id) ON DELETE CASCADE
);
INSERT INTO "vectors" VALUES(1,X'156F8A3E41690B3F988C893EB83C143E1FFBBF3E2C00B83E0A8EE83D9A29013F');
INSERT INTO "vectors" VALUES(2,X'8EAC6F3E28A9BB3EBC359C3E0985073EDF21DF3DBCFDEC3EFF27FE3ED556F43E');
CREATE TABLE vocabulary (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	collection_id INTEGER NOT NULL, 
	entry TEXT DEFAULT '' NOT NULL, 
	created_by TEXT DEFAULT '' NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT fk_vocabulary_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);
CREATE INDEX ix_documents_status_lease_until ON documents (status, lease_until);
CREATE INDEX ix_documents_sha256 ON documents (sha256);
CREATE INDEX ix_documents_rendition_sha256 ON documents (rendition_sha256);
CREATE INDEX ix_document_sources_collection_id_source ON document_sources (collection_id, source);
CREATE INDEX ix_chunks_spec_id_id ON chunks (spec_id, id);
CREATE INDEX ix_chunks_embedded_sha256 ON chunks (embedded_sha256);
CREATE INDEX ix_conversations_user_id_updated_at ON conversations (user_id, updated_at);
CREATE INDEX ix_turns_conversation_id_id ON turns (conversation_id, id);
CREATE INDEX ix_turns_created_at ON turns (created_at);
CREATE INDEX ix_turns_rating ON turns (rating);
CREATE INDEX ix_turns_rated_at_rating ON turns (rated_at, rating);
CREATE INDEX ix_figures_at_s ON figures (at_s);
CREATE INDEX ix_figures_turn_id ON figures (turn_id);
CREATE INDEX ix_vocabulary_collection_id ON vocabulary (collection_id);
CREATE INDEX ix_prompts_use_language_id ON prompts (use, language, id);
CREATE INDEX ix_eval_runs_created_at ON eval_runs (created_at);
CREATE INDEX ix_audit_at ON audit (at);
CREATE INDEX ix_audit_user_id_id ON audit (user_id, id);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
CREATE INDEX ix_api_tokens_user_id ON api_tokens (user_id);
CREATE INDEX ix_rule_hits_state_id ON rule_hits (state, id);
CREATE INDEX ix_rule_hits_turn_id ON rule_hits (turn_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('collections',1);
INSERT INTO "sqlite_sequence" VALUES('documents',2);
INSERT INTO "sqlite_sequence" VALUES('document_sources',2);
INSERT INTO "sqlite_sequence" VALUES('embedding_specs',1);
INSERT INTO "sqlite_sequence" VALUES('chunks',2);
INSERT INTO "sqlite_sequence" VALUES('changes',1);
INSERT INTO "sqlite_sequence" VALUES('conversations',1);
INSERT INTO "sqlite_sequence" VALUES('turns',1);
COMMIT;
