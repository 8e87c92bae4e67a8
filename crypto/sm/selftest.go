package sm

import (
	"encoding/hex"
	"fmt"

	"github.com/showcard/showcard/crypto/sm/comb"
)

// selfTest computes with both shapes of table what is known beforehand: the signature of GM/T
// 0003.5 Annex A, the same with each of its three numbers changed, and a sum that is the point at
// infinity.
func (t *Tables) selfTest() error {
	var x, y, e, r, s [32]byte
	decode(&x, "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020")
	decode(&y, "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13")
	decode(&e, "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640")
	decode(&r, "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3")
	decode(&s, "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa")
	wide, err := comb.NewTable(&x, &y, t.cfg.Width)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSelfTest, err)
	}
	small, err := comb.NewSmallTable(&x, &y)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSelfTest, err)
	}
	for _, table := range []*comb.Table{wide, small} {
		if comb.Verify(t.base, table, &e, &r, &s) != comb.Good {
			return fmt.Errorf("%w: a good signature is refused", ErrSelfTest)
		}
		for _, v := range []*[32]byte{&e, &r, &s} {
			v[31] ^= 1
			answer := comb.Verify(t.base, table, &e, &r, &s)
			v[31] ^= 1
			if answer != comb.Bad {
				return fmt.Errorf("%w: a bad signature passes", ErrSelfTest)
			}
		}
	}
	// With Q = G, s = 1 and t = n - 1 the sum is the point at infinity.
	decode(&r, "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54121")
	decode(&s, "01")
	if comb.Verify(t.base, t.base, &e, &r, &s) != comb.Exceptional {
		return fmt.Errorf("%w: an exceptional sum is not seen", ErrSelfTest)
	}
	return nil
}

// decode writes a number in hex over 32 bytes.
func decode(to *[32]byte, text string) {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic("sm: " + text)
	}
	*to = [32]byte{}
	copy(to[32-len(b):], b)
}
