# SPDX-License-Identifier: MIT
# Prints the labels of memory orders that stand in the comments of C files: each as "LABEL place".
# A label is a word in capitals at the beginning of a comment (/* PARK */, /* PARK: why */), behind
# "pairs with" or alone in brackets, near an operation that orders: less than 8 lines before it or
# 4 behind.
#
#   -v mode=all          also those that stand far from any
#   -v mode=operations   only those with an atomic operation on their own line: "LABEL place
#                        operation", by its name in a litmus program (two, with a bar between,
#                        where it may have either)
#   -v mode=fences       instead: the places of light, heavy and full barriers without a label, on
#                        the line or in the eight before it

function orders(text) {
	return text ~ /atomic_(load|swap|cas|add|sub|or|and)_(acquire|release|acq_rel)\(/ ||
	       text ~ /atomic_(store_release|full_fence|compiler_barrier)\(/ ||
	       text ~ /weft__sys_(heavy|light|full)_barrier\(/ ||
	       text ~ /_unlock\(|weft__wake_idle/
}

# Names of errors and signals look like labels.
function is_label(word) {
	return word !~ /^(NULL|SIG[A-Z]+)$/ &&
	       word !~ /^E(AGAIN|BADF|BUSY|CANCELED|DEADLK|EXIST|INTR|INVAL|MFILE|NOENT|NOMEM)$/ &&
	       word !~ /^E(NOSPC|OVERFLOW|PERM|PIPE|SRCH|TIMEDOUT)$/
}

function is_near(at,    i) {
	for (i = at - 3; i <= at + 7; i++)
		if (i in line && orders(line[i]))
			return 1
	return 0
}

# Of the last one in the text.
function operation_of(text,    name) {
	while (match(text, /atomic_[a-z_]+\(|weft__sys_(heavy|light|full)_barrier\(/)) {
		name = substr(text, RSTART, RLENGTH - 1)
		text = substr(text, RSTART + RLENGTH)
	}
	sub(/^(atomic|weft__sys)_/, "", name)
	if (name == "full_barrier")
		return "full_fence"
	return name == "compiler_barrier" ? "compiler_barrier|light_barrier" : name
}

function print_one(word, at,    operation) {
	operation = operation_of(line[at])
	if (mode == "operations") {
		if (operation != "")
			print word, file ":" at, operation
	} else if (mode == "all" || is_near(at)) {
		print word, file ":" at
	}
}

function print_bare(at,    i) {
	for (i = at; i > at - 9 && i > 0; i--)
		if (match(line[i], "[ (][A-Z][A-Z-]+[A-Z]" behind))
			return
	print file ":" at
}

function print_labels(    i, text, word) {
	for (i = 1; i <= count; i++) {
		text = line[i]
		if (mode == "fences") {
			if (text ~ /weft__sys_(heavy|light|full)_barrier\(\);/)
				print_bare(i)
			continue
		}
		while (match(text, before "[A-Z][A-Z-]+[A-Z]" behind)) {
			word = substr(text, RSTART, RLENGTH)
			text = substr(text, RSTART + RLENGTH - 1)
			sub("^" before, "", word)
			sub(behind "$", "", word)
			if (is_label(word))
				print_one(word, i)
		}
	}
	delete line
	count = 0
}

BEGIN {
	before = "(/[*] |pairs with |[(]label |[(])"
	behind = "( [*]/|[:;).]|, | pairs)"
}
FNR == 1 { print_labels() }
{ line[++count] = $0; file = FILENAME }
END { print_labels() }
