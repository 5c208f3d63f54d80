// SPDX-License-Identifier: MIT
// C++ streams: numbers and words written in many forms, and read back.
#include "soak.h"

#include <iomanip>
#include <map>
#include <sstream>
#include <string>

static std::string write_lines(struct soak_run *run, std::map<std::string, double> &values)
{
	std::ostringstream out;
	char word[20];

	out.imbue(std::locale::classic());
	for (unsigned i = 0; i < 120; i++) {
		soak_text(run, word, sizeof word);
		std::string name = "k" + std::to_string(i) + std::string(word, 3);
		for (char &c : name)
			if (c == ' ' || c == '\n')
				c = '_';
		values[name] = soak_below(run, 1000000) / 64.0;
		out << name << ' ' << std::setprecision(17) << values[name] << ' ' << std::hex
		    << std::showbase << i * 977 << std::dec << ' ' << std::setw(12)
		    << std::setfill('*') << std::left << i << std::setfill(' ') << ' '
		    << std::boolalpha << (i % 2 == 0) << '\n';
	}
	return out.str();
}

static void read_lines(struct soak_run *run, const std::string &text,
		       const std::map<std::string, double> &values)
{
	std::istringstream in(text);
	std::string line, name, stars;

	for (unsigned i = 0; std::getline(in, line); i++) {
		std::istringstream fields(line);
		unsigned number = 0;
		double value = 0;
		bool even = false;

		fields >> name >> value >> std::hex >> number >> stars >> std::boolalpha >> even;
		auto found = values.find(name);
		if (fields.fail() || found == values.end() || found->second != value ||
		    number != i * 977 || even != (i % 2 == 0))
			soak_fail(run, "line %u came back as '%.60s'", i, line.c_str());
	}
	if (!in.eof())
		soak_fail(run, "the lines do not end");
}

static void work(struct soak_run *run)
{
	std::map<std::string, double> values;
	std::string text = write_lines(run, values);

	read_lines(run, text, values);
	soak_add(run, text.data(), text.size());
	soak_add_number(run, values.size());
}

const struct soak_operation soak_iostream = { "iostream", "C++ streams, written and read",
					      nullptr,    work,
					      nullptr,    0 };
