package verifier_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/showcard/showcard/verifier"
)

// A bank checks what a wallet sent it, without asking the deployment about the person: it needs
// the pinned roots once, and fetches the signed trust list and status lists by itself.
func Example() {
	roots, err := os.ReadFile("roots.json") // from the operator, on a safe way
	if err != nil {
		log.Fatal(err)
	}
	trust, err := verifier.FetchTrust("https://cards.example.gov.cn", roots, nil)
	if err != nil {
		log.Fatal(err)
	}
	v, err := verifier.New(verifier.Config{Trust: trust, Status: verifier.FetchStatus(nil)})
	if err != nil {
		log.Fatal(err)
	}
	presentation, nonce := "eyJ…~…~eyJ…", "the nonce we made for it"
	result := v.Verify(context.Background(), presentation, verifier.Expect{Audience: "bank-1", Nonce: nonce})
	fmt.Println(result.Outcome, result.Reasons, result.Claims.Text("name"))
}
