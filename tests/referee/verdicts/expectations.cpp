// Reading the tags: "comment:test_expect_success", "comment:test_retval=7", …
#include "referee/verdicts/expectations.hpp"

namespace skep::referee {
namespace {

void read_tag(Expectations& into, std::string_view tag) {
  const auto equals = tag.find('=');
  const std::string_view key = tag.substr(0, equals);
  const std::string value(equals == std::string_view::npos ? std::string_view() : tag.substr(equals + 1));
  if (key == "test_expect_success") into.privileged.accepted = true;
  if (key == "test_expect_failure") into.privileged.accepted = false;
  if (key == "test_expect_success_unpriv") into.unprivileged.accepted = true;
  if (key == "test_expect_failure_unpriv") into.unprivileged.accepted = false;
  if (key == "test_retval") into.privileged.result = value;
  if (key == "test_retval_unpriv") into.unprivileged.result = value;
  if (key == "test_prog_flags") into.flags = value;
  if (key == "test_auxiliary" || key == "test_auxiliary_unpriv") into.auxiliary = true;
}

/// The program is run by an unprivileged user, too.
bool asks_unprivileged(std::string_view tag) { return tag.substr(0, tag.find('=')).ends_with("_unpriv"); }

}  // namespace

std::map<std::string, Expectations, std::less<>> read_expectations(const btf::Btf& types) {
  constexpr std::string_view kPrefix = "comment:";
  std::map<std::string, Expectations, std::less<>> all;
  std::map<std::string, bool> unprivileged;
  for (btf::TypeId id = 1; id < types.size(); ++id) {
    const auto& tag = types.type(id);
    if (tag.kind != btf::Kind::decl_tag || tag.component != -1 || !tag.name.starts_with(kPrefix)) continue;
    const auto& function = types.type(tag.ref);
    if (function.kind != btf::Kind::func) continue;
    const std::string name(function.name);
    read_tag(all[name], tag.name.substr(kPrefix.size()));
    if (asks_unprivileged(tag.name)) unprivileged[name] = true;
  }
  for (auto& [name, expectations] : all) {
    if (!unprivileged[name]) continue;
    Expectation& other = expectations.unprivileged;
    if (!other.accepted) other.accepted = expectations.privileged.accepted;
    if (!other.result) other.result = expectations.privileged.result;
  }
  return all;
}

}  // namespace skep::referee
