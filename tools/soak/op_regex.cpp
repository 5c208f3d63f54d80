// SPDX-License-Identifier: MIT
// C++ regular expressions, compiled anew each time. The lines are short: libstdc++ recurses for each
// character.
#include "soak.h"

#include <regex>
#include <string>

static const char *const patterns[] = {
	"([a-z]+) ([0-9]+)",
	"^(warp|weft|loom)[a-z ]*$",
	"([aeiou])[^aeiou]*\\1",
	"[[:alpha:]]{3,7}[[:space:]]",
};

static void search(struct soak_run *run, const std::regex &pattern, const std::string &line)
{
	auto end = std::sregex_iterator();

	for (auto it = std::sregex_iterator(line.begin(), line.end(), pattern); it != end; ++it) {
		soak_add_number(run, static_cast<uint64_t>(it->position()));
		for (size_t i = 0; i < it->size(); i++) {
			const std::string part = (*it)[i].str();
			soak_add(run, part.data(), part.size());
		}
	}
}

static void work(struct soak_run *run)
{
	char text[48];

	try {
		std::regex pattern(patterns[soak_below(run, 4)],
				   soak_below(run, 2) == 0
					   ? std::regex::ECMAScript
					   : std::regex::ECMAScript | std::regex::icase);
		for (unsigned i = 0; i < 12; i++) {
			soak_text(run, text, sizeof text);
			std::string line(text);
			search(run, pattern, line);
			line = std::regex_replace(line, pattern, "<$&>");
			soak_add(run, line.data(), line.size());
		}
		std::regex bad(soak_below(run, 2) == 0 ? "([a-z" : "a**{2");
		soak_add(run, "good", 4);
	} catch (const std::regex_error &error) {
		soak_add_number(run, static_cast<uint64_t>(error.code()));
	}
}

const struct soak_operation soak_regex = { "regex", "C++ regular expressions",
					   nullptr, work,
					   nullptr, 0 };
