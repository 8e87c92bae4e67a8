package schemas

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of numbers.
var (
	ErrCitizenIDFormat   = errors.New("schemas: not a citizen identification number")
	ErrCitizenIDDate     = errors.New("schemas: no such birth date in the citizen identification number")
	ErrCitizenIDChecksum = errors.New("schemas: wrong check digit in the citizen identification number")
	ErrUSCCFormat        = errors.New("schemas: not a unified social credit code")
	ErrUSCCChecksum      = errors.New("schemas: wrong check digit in the unified social credit code")
	ErrVINFormat         = errors.New("schemas: not a vehicle identification number")
	ErrVINChecksum       = errors.New("schemas: wrong check digit in the vehicle identification number")
)

// beijing is the time zone in which days begin for Chinese authorities. China
// has had no summer time since 1992, and a fixed zone needs no zone database.
var beijing = time.FixedZone("CST", 8*60*60)

// CitizenID is what a citizen identification number (公民身份号码, GB 11643) says.
type CitizenID struct {
	Region string    // six digits of GB/T 2260, as it was when the number was given
	Birth  time.Time // midnight in Beijing
	Sex    string    // "1" or "2" of GB/T 2261.1
}

// ParseCitizenID takes an 18-character number apart and checks date and check
// digit (ISO 7064 MOD 11-2). The region is not looked up: see [RegionTable].
func ParseCitizenID(number string) (CitizenID, error) {
	if len(number) != 18 {
		return CitizenID{}, ErrCitizenIDFormat
	}
	sum := 0
	for i, c := range []byte(number[:17]) {
		if c < '0' || c > '9' {
			return CitizenID{}, ErrCitizenIDFormat
		}
		sum += int(c-'0') * int("\x07\x09\x0a\x05\x08\x04\x02\x01\x06\x03\x07\x09\x0a\x05\x08\x04\x02"[i])
	}
	if last := number[17]; (last < '0' || last > '9') && last != 'X' {
		return CitizenID{}, ErrCitizenIDFormat
	}
	if number[17] != "10X98765432"[sum%11] {
		return CitizenID{}, ErrCitizenIDChecksum
	}
	birth, err := time.ParseInLocation("20060102", number[6:14], beijing)
	if err != nil || birth.Year() < 1800 {
		return CitizenID{}, ErrCitizenIDDate
	}
	id := CitizenID{Region: number[:6], Birth: birth, Sex: "2"}
	if (number[16]-'0')%2 == 1 {
		id.Sex = "1"
	}
	return id, nil
}

const usccAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// CheckUSCC checks a unified social credit code (统一社会信用代码, GB 32100), with
// the organisation code (GB 11714) inside it.
func CheckUSCC(code string) error {
	if len(code) != usccLength {
		return ErrUSCCFormat
	}
	sum, weight := 0, 1
	for _, c := range []byte(code[:17]) {
		v := strings.IndexByte(usccAlphabet, c)
		if v < 0 {
			return ErrUSCCFormat
		}
		sum += v * weight
		weight = weight * 3 % 31
	}
	for _, c := range []byte(code[2:8]) {
		if c < '0' || c > '9' {
			return fmt.Errorf("%w: region", ErrUSCCFormat)
		}
	}
	if strings.IndexByte(usccAlphabet, code[17]) < 0 {
		return ErrUSCCFormat
	}
	if usccAlphabet[(31-sum%31)%31] != code[17] {
		return ErrUSCCChecksum
	}
	if organisationCheck(code[8:16]) != code[16] {
		return fmt.Errorf("%w: organisation code inside", ErrUSCCChecksum)
	}
	return nil
}

// organisationCheck is the check character of GB 11714 over eight characters;
// unlike the code around it, its alphabet is 0-9 A-Z.
func organisationCheck(body string) byte {
	sum := 0
	for i := range 8 {
		sum += strings.IndexByte(alphabet36, body[i]) * int("\x03\x07\x09\x0a\x05\x08\x04\x02"[i])
	}
	switch c := 11 - sum%11; c {
	case 10:
		return 'X'
	case 11:
		return '0'
	default:
		return byte('0' + c)
	}
}

// earlyFujianUSCC says whether a code with a wrong check digit is of the kind
// that Fujian's registrars really gave out at first: bodies from M000, the
// organisation code inside right, the last digit wrong. Such companies exist
// and keep their code (91350100M0001TGQXM).
func earlyFujianUSCC(code string) bool {
	return len(code) == usccLength && strings.HasPrefix(code, "9135") && strings.HasPrefix(code[8:], "M000") &&
		strings.Trim(code, usccAlphabet) == "" && organisationCheck(code[8:16]) == code[16]
}

// CheckVIN checks a vehicle identification number (车辆识别代号, GB 16735, ISO
// 3779): 17 characters without I, O and Q, and the check digit in place nine.
func CheckVIN(vin string) error {
	if len(vin) != 17 {
		return ErrVINFormat
	}
	sum := 0
	for i, c := range []byte(vin) {
		var v int
		switch {
		case c >= '0' && c <= '9':
			v = int(c - '0')
		case c >= 'A' && c <= 'Z' && c != 'I' && c != 'O' && c != 'Q':
			v = int("12345678 12345 7 923456789"[c-'A'] - '0')
		default:
			return ErrVINFormat
		}
		sum += v * int("\x08\x07\x06\x05\x04\x03\x02\x0a\x00\x09\x08\x07\x06\x05\x04\x03\x02"[i])
	}
	if "0123456789X"[sum%11] != vin[8] {
		return ErrVINChecksum
	}
	return nil
}
