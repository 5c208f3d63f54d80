# SPDX-License-Identifier: MIT
#
# Comments wider than 100 columns, wrapped.  clang-format can do it too, but it joins the lines that
# follow and so spoils lists and labels.  Here a line that is too wide gives its last words to the
# next line only if that one goes on in lower case; otherwise they get a line of their own.  A
# comment behind code that does not fit moves above it.  Run with LC_ALL=C.

function columns(s,    n, i, c) {
	gsub(/[\200-\277]/, "", s)	# the further bytes of a UTF-8 character
	n = 0
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		n = c == "\t" ? n + 8 - n % 8 : n + 1
	}
	return n
}

# Where to cut a line so that what stands before fits; the end of the comment keeps a word.
function cut_at(s, from,    i, last) {
	last = 0
	for (i = from; i <= length(s); i++) {
		if (substr(s, i, 1) != " ")
			continue
		if (columns(substr(s, 1, i - 1)) > 100)
			break
		if (substr(s, i + 1, 2) != "*/")
			last = i
	}
	return last
}

# One comment line; what does not fit is left in `carry`, to be written with `carry_prefix`.
function put(line, prefix,    at) {
	while (columns(line) > 100) {
		at = cut_at(line, length(prefix) + 1)
		if (at == 0)
			break
		print substr(line, 1, at - 1)
		line = prefix substr(line, at + 1)
		if (columns(line) <= 100) {
			carry = line
			carry_prefix = prefix
			return
		}
	}
	print line
}

function flush_carry() {
	if (carry != "")
		print carry
	carry = ""
}

{
	# inside a comment of several lines
	if (inside && match($0, /^[\t ]*\*/)) {
		star = substr($0, 1, RLENGTH)
		rest = substr($0, RLENGTH + 1)
		match(rest, /^ */)
		prefix = star substr(rest, 1, RLENGTH)
		text = substr(rest, RLENGTH + 1)
		if (rest ~ /^\//)
			prefix = ""
		line = $0
		if (carry != "") {
			if (prefix == carry_prefix && text ~ /^[a-z`(0-9]/ && text !~ /^\*\//) {
				line = carry " " text
				carry = ""
			} else {
				flush_carry()
			}
		}
		if (line ~ /\*\//)
			inside = 0
		if (prefix == "")
			print line
		else
			put(line, prefix)
		if (!inside)
			flush_carry()
		next
	}
	flush_carry()

	if (match($0, /^[\t ]*\/\*/)) {
		indent = substr($0, 1, RLENGTH - 2)
		inside = $0 !~ /\*\//
		# a comment alone on its line
		if (inside || $0 ~ /\*\/$/)
			put($0, indent " * ")
		else
			print
		if (!inside)
			flush_carry()
		next
	}

	# code with a comment behind it
	if (columns($0) > 100 && $0 !~ /^#/ && match($0, /[ \t]+\/\* .* \*\/$/) && $0 !~ /\/\*.*\/\*/) {
		code = substr($0, 1, RSTART - 1)
		comment = substr($0, RSTART)
		sub(/^[ \t]+/, "", comment)
		match(code, /^[\t ]*/)
		indent = substr(code, 1, RLENGTH)
		put(indent comment, indent " * ")
		flush_carry()
		print code
		next
	}
	print
}

END {
	flush_carry()
}
