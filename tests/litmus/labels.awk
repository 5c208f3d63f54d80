# SPDX-License-Identifier: MIT
# Prints the labels of memory orders that stand in the comments of C files: each as "LABEL place".
# A label is a word in capitals at the beginning of a comment (/* PARK */, /* PARK: why */), behind
# "pairs with" or alone in brackets, near an operation that orders: less than 8 lines before it or 4
# behind. With -v all=1 also those that stand far from any.

function orders(text) {
	return text ~ /atomic_((load|swap|cas|add|sub|or|and)_(acquire|release|acq_rel)|store_release|full_fence|compiler_barrier)\(/ ||
	       text ~ /weft__sys_(heavy|light|full)_barrier\(/ ||
	       text ~ /_unlock\(|weft__wake_idle/
}

# Names of errors and signals look like labels.
function is_label(word) {
	return word !~ /^(NULL|SIG[A-Z]+)$/ &&
	       word !~ /^E(AGAIN|BADF|BUSY|CANCELED|DEADLK|EXIST|INTR|INVAL|MFILE|NOENT|NOMEM|NOSPC|OVERFLOW|PERM|PIPE|SRCH|TIMEDOUT)$/
}

function is_near(at,    i) {
	for (i = at - 3; i <= at + 7; i++)
		if (i in line && orders(line[i]))
			return 1
	return 0
}

function print_labels(    i, text, word) {
	for (i = 1; i <= count; i++) {
		text = line[i]
		while (match(text, /(\/\* |pairs with |\(label |\()[A-Z][A-Z-]+[A-Z]( \*\/|[:;).]|, | pairs)/)) {
			word = substr(text, RSTART, RLENGTH)
			text = substr(text, RSTART + RLENGTH - 1)
			sub(/^(\/\* |pairs with |\(label |\()/, "", word)
			sub(/( \*\/|[:;).]|, | pairs)$/, "", word)
			if (is_label(word) && (all || is_near(i)))
				print word, file ":" i
		}
	}
	delete line
	count = 0
}

FNR == 1 { print_labels() }
{ line[++count] = $0; file = FILENAME }
END { print_labels() }
