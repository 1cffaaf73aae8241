// What a model sees on photos, and how alike their features are: predict MODEL PHOTO...
#include <icecap.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace icecap {

// A handle that is freed with its owner.
template <auto Free> struct Freed {
    template <class T> void operator()(T *handle) const { Free(handle); }
};
using Classifier = std::unique_ptr<icecap_classifier, Freed<icecap_classifier_free>>;
using Backbone = std::unique_ptr<icecap_backbone, Freed<icecap_backbone_free>>;
using Prediction = std::unique_ptr<icecap_prediction, Freed<icecap_prediction_free>>;
using Message = std::unique_ptr<icecap_error, Freed<icecap_error_free>>;

struct Error : std::runtime_error {
    explicit Error(icecap_error *error)
        : std::runtime_error(icecap_error_message(error)), status(icecap_error_status(error)) {
        icecap_error_free(error);
    }
    icecap_status status;
};

// What `call` makes, given a place for it and one for an error; throws the error.
template <class Handle, class Call> Handle make(Call call) {
    typename Handle::pointer made = nullptr;
    icecap_error *error = nullptr;
    if (call(&made, &error) != ICECAP_STATUS_OK) {
        throw Error(error);
    }
    return Handle(made);
}

Classifier open(const char *model) {
    return make<Classifier>(
        [&](auto made, auto error) { return icecap_classifier_open(model, nullptr, made, error); });
}

Backbone starter() {
    return make<Backbone>(
        [](auto made, auto error) { return icecap_backbone_open("starter", nullptr, made, error); });
}

Prediction predict(const Classifier &classifier, icecap_photo photo) {
    return make<Prediction>([&](auto made, auto error) {
        return icecap_predict(classifier.get(), photo, made, error);
    });
}

// The features of photos, one row behind the other; throws the first photo's error.
std::vector<float> features(const Backbone &backbone, const std::vector<icecap_photo> &photos) {
    std::vector<float> rows(photos.size() * icecap_backbone_features(backbone.get()));
    std::vector<icecap_error *> errors(photos.size());
    icecap_batch batch = {};
    batch.photos = photos.data();
    batch.count = photos.size();
    icecap_features(backbone.get(), &batch, rows.data(), rows.size(), errors.data());
    std::vector<Message> owned(errors.begin(), errors.end());
    for (auto &error : owned) {
        if (error) {
            throw Error(error.release());
        }
    }
    return rows;
}

} // namespace icecap

static std::string content(const char *path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The cosine of the angle between two rows of features.
static double likeness(const float *a, const float *b, size_t len) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < len; i++) {
        ab += double(a[i]) * b[i];
        aa += double(a[i]) * a[i];
        bb += double(b[i]) * b[i];
    }
    return ab / std::sqrt(aa * bb);
}

int main(int argc, char **argv) try {
    if (argc < 3) {
        std::fprintf(stderr, "name a model file, and photos\n");
        return ICECAP_STATUS_USAGE;
    }
    const auto classifier = icecap::open(argv[1]);
    std::vector<std::string> contents;
    for (int i = 2; i < argc; i++) {
        contents.push_back(content(argv[i]));
    }
    std::vector<icecap_photo> photos;
    for (const auto &bytes : contents) {
        photos.push_back(
            icecap_photo_bytes(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
    }
    for (size_t i = 0; i < photos.size(); i++) {
        const auto seen = icecap::predict(classifier, photos[i]);
        std::printf("%s: %s (%.1f %%)\n", argv[2 + i], icecap_prediction_label(seen.get()),
                    100.0 * icecap_prediction_probability(seen.get()));
    }
    const auto backbone = icecap::starter();
    const size_t len = icecap_backbone_features(backbone.get());
    const auto rows = icecap::features(backbone, photos);
    for (size_t i = 1; i < photos.size(); i++) {
        std::printf("%s: like the first by %.3f\n", argv[2 + i],
                    likeness(rows.data(), rows.data() + i * len, len));
    }
    return ICECAP_STATUS_OK;
} catch (const icecap::Error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.status;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return ICECAP_STATUS_BUG;
}
