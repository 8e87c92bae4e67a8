package schemas

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// ErrPlate is a plate number that does not exist.
var ErrPlate = errors.New("schemas: not a plate number")

// PlateShape is the shape of a plate number (机动车号牌, GA 36).
type PlateShape string

const (
	PlateOrdinary  PlateShape = "ordinary"  // 湘A12345
	PlateNewSmall  PlateShape = "new-small" // 湘AD12345: new energy, small vehicles
	PlateNewLarge  PlateShape = "new-large" // 湘A12345D: new energy, large vehicles
	PlateSuffixed  PlateShape = "suffixed"  // 湘A1234学: learners, 挂 trailers, 警 police
	PlateBorder    PlateShape = "border"    // 粤Z1234港
	PlateEmbassy   PlateShape = "embassy"   // 224578使
	PlateConsulate PlateShape = "consulate" // 沪A0023领
)

const (
	plateProvinces = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
	// Letters I and O are not used: they look like digits.
	plateLetters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	plateDigits  = "0123456789"
	// First letters of new-energy numbers: D, A, B, C, E pure electric; F, G, H, J, K others.
	plateNewEnergy = "DABCEFGHJK"
)

// ParsePlate reads a plate number and says of which shape it is.
func ParsePlate(s string) (PlateShape, error) {
	runes := []rune(s)
	if !utf8.ValidString(s) || len(runes) < 7 || len(runes) > 8 {
		return "", ErrPlate
	}
	if len(runes) == 7 && runes[6] == '使' && all(runes[:6], plateDigits) {
		return PlateEmbassy, nil
	}
	if !strings.ContainsRune(plateProvinces, runes[0]) || !strings.ContainsRune(plateLetters, runes[1]) {
		return "", ErrPlate
	}
	body := runes[2:]
	if len(body) == 6 {
		switch {
		case newEnergySmall(body):
			return PlateNewSmall, nil
		case all(body[:5], plateDigits) && strings.ContainsRune(plateNewEnergy, body[5]):
			return PlateNewLarge, nil
		}
		return "", ErrPlate
	}
	switch last := body[4]; {
	case last == '领' && all(body[:4], plateDigits):
		return PlateConsulate, nil
	case (last == '港' || last == '澳') && runes[0] == '粤' && runes[1] == 'Z' && all(body[:4], plateDigits+plateLetters):
		return PlateBorder, nil
	case strings.ContainsRune("学警挂试超", last) && ordinary(body[:4]):
		return PlateSuffixed, nil
	case ordinary(body):
		return PlateOrdinary, nil
	}
	return "", ErrPlate
}

// newEnergySmall: a new-energy letter, then a letter or a digit, then digits.
func newEnergySmall(body []rune) bool {
	return strings.ContainsRune(plateNewEnergy, body[0]) &&
		strings.ContainsRune(plateDigits+plateLetters, body[1]) && all(body[2:], plateDigits)
}

// ordinary: letters and digits, at most two letters.
func ordinary(body []rune) bool {
	letters := 0
	for _, r := range body {
		switch {
		case strings.ContainsRune(plateLetters, r):
			letters++
		case !strings.ContainsRune(plateDigits, r):
			return false
		}
	}
	return letters <= 2
}

func all(runes []rune, alphabet string) bool {
	for _, r := range runes {
		if !strings.ContainsRune(alphabet, r) {
			return false
		}
	}
	return true
}

// plateTypeFits says whether a plate number has the shape that its type
// (号牌种类, GA 24.7) asks for; only new-energy types have a shape of their own.
func plateTypeFits(plate, plateType string) bool {
	shape, err := ParsePlate(plate)
	if err != nil {
		return true // reported already
	}
	switch plateType {
	case "51":
		return shape == PlateNewLarge
	case "52":
		return shape == PlateNewSmall
	default:
		return shape != PlateNewLarge && shape != PlateNewSmall
	}
}
