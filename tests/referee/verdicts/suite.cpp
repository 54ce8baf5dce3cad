// Opening the cached objects, and turning the suite's words into the verifier's options.
#include "referee/verdicts/suite.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "loader/target_btf.hpp"
#include "support/objects.hpp"
#include "support/tools.hpp"

namespace skep::referee {

namespace fs = std::filesystem;

std::vector<verifier::MapInfo> map_infos(const loader::ObjectSpec& object) {
  std::vector<verifier::MapInfo> maps;
  for (const auto& def : object.maps) {
    const bool frozen = def.origin == loader::MapDef::Origin::rodata || def.origin == loader::MapDef::Origin::kconfig;
    maps.push_back({&def.spec, frozen ? std::span<const std::byte>(def.contents) : std::span<const std::byte>{}});
  }
  return maps;
}

verifier::Input SuiteObject::input(const program::Program& program, const Expectations& expected, User user) const {
  verifier::Input input;
  input.program = &program;
  input.maps = maps;
  input.kernel_types = kernel_types;
  auto& privileges = input.options.privileges;
  if (user == User::unprivileged) {
    // Nor may such a user load BTF: the suite's loader goes on without.
    privileges = {false, false, false};
  } else {
    input.object_types = spec.btf.get();
    // The suite runs these without CAP_PERFMON.
    privileges.perfmon = name.find("verifier_mtu") == std::string::npos;
  }
  input.options.strict_alignment = expected.flags == "BPF_F_STRICT_ALIGNMENT";
  input.options.check_often = expected.flags == "BPF_F_TEST_STATE_FREQ";
  return input;
}

std::optional<Suite> Suite::open() {
  const char* cache = std::getenv("SKEP_REFEREE_CACHE");
  if (cache == nullptr || !fs::exists(fs::path(cache) / "selftests")) {
    MESSAGE("SKIP: no compiled selftests, make referee prepares them");
    return {};
  }
  Suite suite;
  suite.folder_ = cache;
  if (const char* only = std::getenv("SKEP_REFEREE_ONLY")) suite.only_ = only;
  const auto bytes = tools::read_file(suite.folder_ / "kernel.btf");
  REQUIRE(bytes);
  auto types = loader::parse_target_btf(*bytes, "kernel.btf");
  REQUIRE(types);
  suite.types_ = *types;
  return suite;
}

void Suite::for_each(const std::function<void(const SuiteObject&)>& visit) const {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder_ / "selftests"))
    if (entry.path().extension() == ".o") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    const auto image = tools::read_file(file);
    if (!image || name.find(only_) == std::string::npos) continue;
    auto spec =
        loader::parse_object(*image, name, [this]() -> Result<std::shared_ptr<const btf::Btf>> { return types_; });
    if (!spec || spec->btf == nullptr) continue;
    SuiteObject object;
    object.name = name;
    object.spec = std::move(*spec);
    object.maps = map_infos(object.spec);
    object.expectations = read_expectations(*object.spec.btf);
    object.kernel_types = types_.get();
    visit(object);
  }
}

}  // namespace skep::referee
