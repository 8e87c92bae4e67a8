package passkey

// Parse tries both parsers.
func Parse(data []byte) [2]error {
	_, created := parseCreation(data)
	_, asserted := parseAssertion(data)
	return [2]error{created, asserted}
}
