// Which functions are programs, and what their section says of them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <skep/section_rule.hpp>

#include "loader/code.hpp"
#include "loader/link.hpp"

namespace skep::loader {

/// Makes every program of the object, linked and checked, in section order. Programs are the functions of all sections
/// but `.text`; when there are none, the global functions of `.text`. `license` is copied into each; `rules` say what
/// sections are that the table does not know.
[[nodiscard]] Result<std::vector<std::shared_ptr<const program::Program>>> make_programs(
    Source& source, const Code& code, Linker& linker, const std::string& license, std::span<const SectionRule> rules);

}  // namespace skep::loader
