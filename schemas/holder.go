package schemas

import (
	"errors"
	"fmt"
	"strings"
)

// ErrHolder says that a holder cannot be the one that the words claim: the number is none of its
// type, or the name cannot be written.
var ErrHolder = errors.New("schemas: not a valid holder")

// Legal reports whether the holder is a legal person: a company, an institution.
func (h HolderRef) Legal() bool { return h.Type == HolderUSCC || h.Type == "099" }

// Check holds the number against its GB/T 36903 type: a citizen's against GB 11643, a company's
// against GB 32100, others' against the letters that documents use. The error names what is
// wrong, never the value.
func (h HolderRef) Check() error {
	if err := h.CheckNumber(); err != nil {
		return err
	}
	// Registers of the time before Unicode hold names with private-use characters.
	if code, _ := checkText(h.Name, maxHolderName); code != "" && !(code == CodeFieldFormat && onlyPrivateUse(h.Name)) {
		return fmt.Errorf("%w: name", ErrHolder)
	}
	return nil
}

// CheckNumber is Check without the name, for who is only looked up.
func (h HolderRef) CheckNumber() error {
	switch {
	case len(h.Type) != 3 || strings.Trim(h.Type, "0123456789") != "":
		return fmt.Errorf("%w: type", ErrHolder)
	case h.Type == HolderCitizenID:
		if _, err := ParseCitizenID(h.Number); err != nil {
			return fmt.Errorf("%w: number: %w", ErrHolder, err)
		}
	case h.Type == HolderUSCC:
		if err := CheckUSCC(h.Number); err != nil {
			return fmt.Errorf("%w: number: %w", ErrHolder, err)
		}
	case h.Number == "" || len(h.Number) > 32 || !isDocumentNumber(h.Number):
		return fmt.Errorf("%w: number", ErrHolder)
	}
	return nil
}
