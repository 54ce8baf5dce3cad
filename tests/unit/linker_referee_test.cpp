// Linking against libbpf's linker: what bpftool gen object makes of the same objects, opened by libbpf and by skep; and
// objects that people ship, which must open the same after they went through the linker alone.
#include <doctest/doctest.h>

#include <skep/link.hpp>

#ifdef SKEP_HAVE_LIBBPF
#include "support/kernel.hpp"
#include "support/libbpf_referee.hpp"
#endif
#include "support/object_text.hpp"
#include "support/objects.hpp"
#include "support/tools.hpp"

using namespace skep;

namespace {

using objects::Image;

constexpr std::array kPairs = {"funcs", "vars", "maps"};

std::string_view text_view(const Image& image) { return {reinterpret_cast<const char*>(image.data()), image.size()}; }

struct Pair {
  Image one, two;
  Image ours;
};

std::optional<Pair> link_pair(const std::string& name) {
  const auto one = objects::compile("link_" + name + "1.bpf.c"), two = objects::compile("link_" + name + "2.bpf.c");
  if (!one || !two) return std::nullopt;
  const std::array inputs = {LinkInput{*one, "1.o"}, LinkInput{*two, "2.o"}};
  auto ours = skep::link(inputs);
  REQUIRE_MESSAGE(ours.has_value(), ours.error().message());
  return Pair{*one, *two, *std::move(ours)};
}

/// What bpftool makes of the pair; says "SKIP: …" and gives nothing where it is missing. It links its result once more,
/// as the kernel's build does: only then has what one object declares and the other defines its offset in BTF.
std::optional<Image> linked_by_bpftool(const Pair& pair) {
  if (!tools::have("bpftool")) {
    MESSAGE("SKIP: no bpftool");
    return std::nullopt;
  }
  const tools::Scratch scratch;
  const std::string one = scratch.write("1.o", text_view(pair.one)), two = scratch.write("2.o", text_view(pair.two));
  const std::string once = scratch.write("once.o", ""), twice = scratch.write("twice.o", "");
  const std::string command = "bpftool gen object ";
  REQUIRE(tools::output_of(command + once + " " + one + " " + two + " && " + command + twice + " " + once));
  return tools::read_file(twice);
}

loader::ObjectSpec opened(const Image& image) {
  auto object = loader::parse_object(image, "object.o");
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  return *std::move(object);
}

/// How objects come through the linker alone.
struct Passage {
  std::size_t same = 0, refused = 0;
};

void pass_through(const std::vector<objects::Found>& found, Passage& passage) {
  for (const auto& [name, image] : found) {
    const auto before = loader::parse_object(image, "object.o");
    if (!before) continue;
    const std::array inputs = {LinkInput{image, name}};
    const auto linked = skep::link(inputs);
    if (!linked) {
      ++passage.refused;
      MESSAGE(linked.error().message());
      continue;
    }
    const std::string difference =
        objects::first_difference(objects::text_of(opened(*linked)), objects::text_of(*before));
    CHECK_MESSAGE(difference.empty(), name, ": ", difference);
    passage.same += difference.empty() ? 1 : 0;
  }
}

}  // namespace

TEST_CASE("pairs of objects become what bpftool makes of them: programs, instructions, lines, maps, variables") {
  for (const char* name : kPairs) {
    CAPTURE(std::string(name));
    const auto pair = link_pair(name);
    if (!pair) return;
    const auto theirs = linked_by_bpftool(*pair);
    if (!theirs) return;
    CHECK(objects::first_difference(objects::text_of(opened(pair->ours)), objects::text_of(opened(*theirs))) == "");
  }
}

TEST_CASE("what bpftool links can be linked again, and opens the same") {
  for (const char* name : kPairs) {
    CAPTURE(std::string(name));
    const auto pair = link_pair(name);
    const auto theirs = pair ? linked_by_bpftool(*pair) : std::nullopt;
    if (!theirs) return;
    Passage passage;
    pass_through({{name, *theirs}}, passage);
    CHECK(passage.same == 1);
  }
}

TEST_CASE("llvm-readelf and bpftool read what was linked, and bpftool finds as many types as in its own") {
  if (!tools::have("llvm-readelf-19") || !tools::have("bpftool")) {
    MESSAGE("SKIP: no llvm-readelf-19 or no bpftool");
    return;
  }
  for (const char* name : kPairs) {
    CAPTURE(std::string(name));
    const auto pair = link_pair(name);
    const auto theirs = pair ? linked_by_bpftool(*pair) : std::nullopt;
    if (!theirs) return;
    const tools::Scratch scratch;
    const std::string path = scratch.write("ours.o", text_view(pair->ours));
    CHECK(tools::output_of("llvm-readelf-19 -aW " + path + " 2>&1").value_or("warning").find("warning") ==
          std::string::npos);
    const auto ours_dump = tools::output_of("bpftool btf dump file " + path);
    const auto dump = tools::output_of("bpftool btf dump file " + scratch.write("theirs.o", text_view(*theirs)));
    REQUIRE((ours_dump && dump));
    CHECK(std::count(ours_dump->begin(), ours_dump->end(), '\n') <= std::count(dump->begin(), dump->end(), '\n'));
  }
}

#ifdef SKEP_HAVE_LIBBPF
TEST_CASE("libbpf relocates what skep linked as it does what bpftool linked, and as skep does") {
  const tools::Scratch scratch;
  for (const char* name : kPairs) {
    CAPTURE(std::string(name));
    const auto pair = link_pair(name);
    const auto bpftools = pair ? linked_by_bpftool(*pair) : std::nullopt;
    if (!bpftools) return;
    const auto ours = referee::open_ours(pair->ours, name, nullptr);
    REQUIRE_MESSAGE(ours.has_value(), ours.error().message());
    for (const Image* image : {&pair->ours, &*bpftools}) {
      const referee::Theirs theirs(*image, nullptr, "CONFIG_SKEP_NUMBER=0\n");
      if (!theirs.relocated()) {
        MESSAGE("SKIP: libbpf does not relocate here: ", theirs.messages());
        return;
      }
      CHECK_MESSAGE(theirs.messages().find("BTF") == std::string::npos, theirs.messages());
      referee::Tally tally;
      referee::compare(*ours, theirs, tally);
      CHECK(tally.equal == ours->programs.size());
      CHECK(tally.different == 0);
    }
  }
}

TEST_CASE("the kernel takes linked programs with their types, and they return there what they return here") {
  if (const auto why = kernel::unavailable()) {
    MESSAGE("SKIP: ", *why);
    return;
  }
  struct Run {
    const char* pair;
    const char* program;
    std::uint32_t value;
  };
  static constexpr Run kRuns[] = {{"funcs", "from_one", 11143}, {"funcs", "from_two", 10143},
                                  {"vars", "sum_one", 22401},   {"vars", "sum_two", 31066},
                                  {"maps", "add_up", 7},        {"maps", "fill", 0},
                                  {"maps", "add_up", 1023}};
  std::string opened_pair;
  std::unique_ptr<bpf_object, decltype(&bpf_object__close)> object(nullptr, bpf_object__close);
  for (const Run& each : kRuns) {
    CAPTURE(std::string(each.program));
    if (opened_pair != each.pair) {
      const auto pair = link_pair(each.pair);
      if (!pair) return;
      bpf_object_open_opts options{};
      options.sz = sizeof options;
      options.object_name = "linked";
      options.kconfig = "CONFIG_SKEP_NUMBER=0\n";
      object.reset(bpf_object__open_mem(pair->ours.data(), pair->ours.size(), &options));
      REQUIRE(object != nullptr);
      REQUIRE(bpf_object__load(object.get()) == 0);
      opened_pair = each.pair;
    }
    const bpf_program* program = bpf_object__find_program_by_name(object.get(), each.program);
    REQUIRE(program != nullptr);
    const kernel::Descriptor fd(dup(bpf_program__fd(program)));
    const std::array<std::byte, 64> frame{};
    const kernel::XdpRun run = kernel::run_xdp(fd, frame);
    CHECK(run.sys >= 0);
    CHECK(run.value == each.value);
  }
}
#endif

// Not core_questions: it asks for numbers of its own types, which linking changes.
TEST_CASE("the tests' own objects open the same after linking each alone") {
  std::vector<objects::Found> found;
  for (const char* name : {"api_object", "externs_config", "externs_given", "externs_kernel", "loader_calls",
                           "loader_globals", "loader_needs", "loader_slots", "loader_legacy"}) {
    auto image = objects::compile(fmt::format("{}.bpf.c", name));
    if (!image) return;
    found.push_back({name, *std::move(image)});
  }
  Passage passage;
  pass_through(found, passage);
  CHECK(passage.same == found.size());
}

TEST_CASE("the objects of libbpf-tools and xdp-tools open the same after linking each alone") {
  for (const char* package : {"libbpf-tools", "xdp-tools"}) {
    const auto found = objects::in_executables(package);
    if (found.empty()) MESSAGE("SKIP: no objects of ", std::string(package), " here");
    Passage passage;
    pass_through(found, passage);
    MESSAGE(std::string(package), ": ", passage.same, " of ", found.size(), " the same, ", passage.refused, " refused");
    CHECK(passage.same == found.size());
  }
}
