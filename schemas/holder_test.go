package schemas

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHolderCheck(t *testing.T) {
	good := map[string]HolderRef{
		"citizen":     {Type: HolderCitizenID, Number: "430102198803129911", Name: "张示例"},
		"company":     {Type: HolderUSCC, Number: "91350100M000100Y43", Name: "虚构有限公司"},
		"passport":    {Type: "414", Number: "E12345678", Name: "MUSTER, ERIKA"},
		"rare name":   {Type: HolderCitizenID, Number: "430102198803129911", Name: "张\ue863"},
		"inner point": {Type: HolderCitizenID, Number: "430102198803129911", Name: "买买提·示例"},
	}
	for name, h := range good {
		require.NoError(t, h.Check(), name)
	}
	require.True(t, good["company"].Legal())
	require.False(t, good["citizen"].Legal())
	for name, h := range map[string]HolderRef{
		"nothing":            {},
		"no type":            {Number: "430102198803129911", Name: "张示例"},
		"type in words":      {Type: "citizen", Number: "430102198803129911", Name: "张示例"},
		"check digit":        {Type: HolderCitizenID, Number: "430102198803129912", Name: "张示例"},
		"another's number":   {Type: HolderUSCC, Number: "430102198803129911", Name: "张示例"},
		"small x":            {Type: HolderCitizenID, Number: "43010219880312991x", Name: "张示例"},
		"company's check":    {Type: HolderUSCC, Number: "91350100M000100Y44", Name: "虚构有限公司"},
		"passport too long":  {Type: "414", Number: strings.Repeat("E", 33), Name: "A"},
		"passport of blanks": {Type: "414", Number: "E1 2", Name: "A"},
		"no name":            {Type: HolderCitizenID, Number: "430102198803129911"},
		"name of controls":   {Type: HolderCitizenID, Number: "430102198803129911", Name: "张\u202e示例"},
		"name too long":      {Type: HolderCitizenID, Number: "430102198803129911", Name: strings.Repeat("张", 201)},
	} {
		err := h.Check()
		require.ErrorIs(t, err, ErrHolder, name)
		require.NotContains(t, err.Error(), "4301021988", "the value is not told")
	}
}
