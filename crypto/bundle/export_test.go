package bundle

// Unsafe is what a bundle says, whoever signed it.
func Unsafe(u *Unverified) *Bundle { return u.bundle }
