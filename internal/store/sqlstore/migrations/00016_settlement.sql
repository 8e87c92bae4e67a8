-- Offline codes at the service, and checks that were made offline and settle later.

-- +goose Up
-- To revoke a code is to mark its row, and to give its serial a number in the sequence, where nobody's name
-- stands. The row stays as long as a check of the code may be settled; whose it was is not known of those
-- that were revoked before this.
ALTER TABLE device_serials ADD COLUMN revoked_at BIGINT;
INSERT INTO device_serials (serial, identifier, holder_id, person_id, device_id, view, expires_at, revoked_at)
    SELECT serial, '', '', '', '', '', expires_at, at FROM revoked_serials;
DROP INDEX device_serials_device;
CREATE INDEX device_serials_device ON device_serials (device_id, expires_at) WHERE revoked_at IS NULL;

-- Of a check of an offline code: the digest of its proof, which counts once online and once for each party; when
-- it was settled, if it was made offline; and what was found to be at odds, as JSON.
ALTER TABLE verifications ADD COLUMN proof BYTEA;
ALTER TABLE verifications ADD COLUMN settled_at BIGINT;
ALTER TABLE verifications ADD COLUMN conflicts TEXT NOT NULL DEFAULT '[]';
CREATE UNIQUE INDEX verifications_proof ON verifications (proof, party) WHERE proof IS NOT NULL;
CREATE UNIQUE INDEX verifications_proof_online ON verifications (proof) WHERE proof IS NOT NULL AND via = 'code';
