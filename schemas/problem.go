package schemas

// Codes of problems. Each has its sentences and its next action, in Chinese and
// English, in testdata/problems.json; a test of internal/httpd holds the code against it.
const (
	CodeRowMalformed     = "row-malformed"
	CodeRowTooLarge      = "row-too-large"
	CodeRowTooDeep       = "row-too-deep"
	CodeRowNotUTF8       = "row-not-utf8"
	CodeRowDuplicateName = "row-duplicate-name"

	CodeFieldUnknown = "field-unknown"
	CodeFieldMissing = "field-missing"
	CodeFieldType    = "field-type"
	CodeFieldTooLong = "field-too-long"
	CodeFieldFormat  = "field-format"
	CodeFieldRange   = "field-range"
	CodeFieldFromRow = "field-from-row"
	CodeFieldsDiffer = "fields-contradict"
	CodeNotInTable   = "code-not-in-table"
	CodeKeyFormat    = "key-format"
	CodeDateFormat   = "date-format"
	CodeDatesOrder   = "dates-order"
	CodeDateFuture   = "date-in-future"
	CodeValidity     = "validity-period"
	CodeRegion       = "region-unknown"

	CodeIDNumberFormat   = "id-number-format"
	CodeIDNumberChecksum = "id-number-checksum"
	CodeIDNumberRegion   = "id-number-region"
	CodeIDNumberDate     = "id-number-date"
	CodeUSCCFormat       = "uscc-format"
	CodeUSCCChecksum     = "uscc-checksum"
	CodeBirthDate        = "birth-date-contradicts-number"
	CodeSex              = "sex-contradicts-number"
	CodeHolder           = "holder-contradicts-claims"
	CodeHolderType       = "holder-type"
	CodeRepresentatives  = "representatives-not-allowed"

	CodeTypeUnknown     = "type-unknown"
	CodeTypeUnpublished = "type-unpublished"

	CodePortraitTooLarge   = "portrait-too-large"
	CodePortraitFormat     = "portrait-format"
	CodePortraitMissing    = "portrait-missing"
	CodePortraitNotAllowed = "portrait-not-allowed"

	CodePlateFormat        = "plate-format"
	CodeVINFormat          = "vin-format"
	CodeVINChecksum        = "vin-checksum"
	CodeVehicleClass       = "vehicle-class"
	CodeIdentifierChecksum = "identifier-checksum"
	CodeIdentifierFormat   = "identifier-format"
)
