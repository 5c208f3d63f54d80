# SPDX-License-Identifier: MIT
# Compares the labels that labels.awk printed (files label, operation, known: by its modes) with the
# programs (the other files): prints what has no counterpart.  -v rules: words that are none.

function program_of(file) {
	sub(/.*\//, "", file)
	sub(/\.litmus$/, "", file)
	return file
}

FILENAME == "label" { place[$1, ++count[$1]] = $2; next }
FILENAME == "operation" { asked[++operations] = $0; next }
FILENAME == "known" { known[$1] = 1; next }
FNR == 1 { files[program_of(FILENAME)] = FILENAME }
{
	for (i = 1; i <= NF; i++)
		has[program_of(FILENAME), $i] = 1
}

END {
	for (label in count)
		if (!(label in files) && label !~ "^(" rules ")$")
			for (i = 1; i <= count[label]; i++)
				print place[label, i] ": " label " has no program " label ".litmus"
	for (i = 1; i <= operations; i++) {
		split(asked[i], word, " ")
		either = split(word[3], name, "|")
		if (word[1] in files && !((word[1], name[1]) in has) &&
		    !((word[1], name[either]) in has))
			print word[2] ": " word[1] ".litmus has no " word[3]
	}
	for (label in files)
		if (!(label in known))
			print files[label] ": no label in the sources"
}
