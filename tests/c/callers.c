/* Callers who err, as only C can: every call has to answer, and nothing may be read or written that is not the caller's, which
   valgrind looks after. callers MODEL PHOTO BROKEN COUNT [debug], COUNT being the photos of the largest batch, at least 8. */
#include <icecap.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures = 0;

#define CHECK(claim)                                                                               \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            fprintf(stderr, "line %d: %s\n", __LINE__, #claim);                                    \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/* Whether a call ended with `status`, with an error of that status whose message has `part`; frees the error. */
static int told(icecap_status got, icecap_status status, icecap_error **error, const char *part) {
    const char *message = icecap_error_message(*error);
    int right = got == status && *error != NULL && icecap_error_status(*error) == status &&
                message != NULL && strstr(message, part) != NULL && strchr(message, '\n') == NULL;
    if (!right) {
        fprintf(stderr, "status %d, not %d with '%s': %s\n", (int)got, (int)status, part,
                message == NULL ? "no message" : message);
    }
    icecap_error_free(*error);
    *error = NULL;
    return right;
}

static icecap_batch batch_of(const icecap_photo *photos, size_t count) {
    icecap_batch batch = {0};
    batch.photos = photos;
    batch.count = count;
    return batch;
}

static void nothing_is_there(void) {
    icecap_error *error = NULL;
    icecap_batch batch = {0};
    float row[1] = {0};
    icecap_photo none = {0};
    CHECK(icecap_error_status(NULL) == ICECAP_STATUS_USAGE);
    CHECK(icecap_error_message(NULL) == NULL);
    CHECK(icecap_prediction_class(NULL) == SIZE_MAX);
    CHECK(icecap_prediction_label(NULL) == NULL);
    CHECK(isnan(icecap_prediction_probability(NULL)));
    CHECK(icecap_prediction_probabilities(NULL) == NULL);
    CHECK(icecap_prediction_json(NULL) == NULL);
    CHECK(icecap_classifier_classes(NULL) == 0);
    CHECK(icecap_classifier_class(NULL, 0) == NULL);
    CHECK(icecap_classifier_features(NULL) == 0);
    CHECK(icecap_backbone_features(NULL) == 0);
    CHECK(icecap_classifier_open(NULL, NULL, NULL, NULL) == ICECAP_STATUS_USAGE);
    CHECK(icecap_classifier_from_bytes(NULL, 0, NULL, NULL, NULL) == ICECAP_STATUS_USAGE);
    CHECK(icecap_backbone_open(NULL, NULL, NULL, NULL) == ICECAP_STATUS_USAGE);
    CHECK(icecap_predict(NULL, none, NULL, NULL) == ICECAP_STATUS_USAGE);
    CHECK(icecap_predict_batch(NULL, NULL, NULL, NULL) == ICECAP_STATUS_USAGE);
    CHECK(icecap_features(NULL, NULL, NULL, 0, NULL) == ICECAP_STATUS_USAGE);
    /* A batch of none asks for nothing. */
    CHECK(icecap_predict_batch(NULL, &batch, NULL, NULL) == ICECAP_STATUS_OK);
    CHECK(icecap_features(NULL, &batch, row, 1, NULL) == ICECAP_STATUS_OK);
    icecap_error_free(NULL);
    icecap_prediction_free(NULL);
    icecap_classifier_free(NULL);
    icecap_backbone_free(NULL);
    CHECK(told(icecap_classifier_open("x", NULL, NULL, &error), ICECAP_STATUS_USAGE, &error, "place"));
}

static void models_that_are_none(const char *model, const char *photo) {
    icecap_classifier *made = (icecap_classifier *)(uintptr_t)8; /* to be overwritten */
    icecap_error *error = (icecap_error *)(uintptr_t)8;
    icecap_options options = {0};
#define OPEN(file, wanted, part)                                                                   \
    do {                                                                                           \
        CHECK(told(icecap_classifier_open(file, &options, &made, &error), wanted, &error, part)); \
        CHECK(made == NULL);                                                                       \
    } while (0)
    OPEN(NULL, ICECAP_STATUS_USAGE, "NULL");
    OPEN("", ICECAP_STATUS_USAGE, "empty");
    OPEN("missing \n\x1b \xff", ICECAP_STATUS_IO, "missing \\n\\u001b");
    OPEN(photo, ICECAP_STATUS_BAD_INPUT, "PNG image");
    options.threads = SIZE_MAX;
    OPEN(model, ICECAP_STATUS_USAGE, "threads");
    options.threads = 1;
    options.precision = "f\x33\x32!";
    OPEN(model, ICECAP_STATUS_USAGE, "precision");
    options.precision = "\xff";
    OPEN(model, ICECAP_STATUS_USAGE, "precision");
    options.precision = "int8";
    OPEN(model, ICECAP_STATUS_USAGE, "int8");
    options.precision = "f32";
    options.width = 160;
    OPEN(model, ICECAP_STATUS_USAGE, "height");
    options.height = 160;
    OPEN(model, ICECAP_STATUS_USAGE, "size");
#define BYTES(data, size, wanted, part)                                                            \
    do {                                                                                           \
        icecap_status got = icecap_classifier_from_bytes(data, size, NULL, &made, &error);        \
        CHECK(told(got, wanted, &error, part));                                                    \
        CHECK(made == NULL);                                                                       \
    } while (0)
    BYTES(NULL, 9, ICECAP_STATUS_USAGE, "NULL");
    BYTES(NULL, 0, ICECAP_STATUS_BAD_INPUT, "memory");
    BYTES((const uint8_t *)"no model", 8, ICECAP_STATUS_BAD_INPUT, "memory");
    BYTES((const uint8_t *)"no model", SIZE_MAX, ICECAP_STATUS_USAGE, "more than memory");
}

static void backbones_that_are_none(void) {
    icecap_backbone *made = NULL;
    icecap_error *error = NULL;
    icecap_options options = {0};
#define WEIGHTS(name, wanted, part)                                                                \
    CHECK(told(icecap_backbone_open(name, &options, &made, &error), wanted, &error, part));       \
    CHECK(made == NULL)
    WEIGHTS(NULL, ICECAP_STATUS_USAGE, "NULL");
    WEIGHTS("keras-1.0-161", ICECAP_STATUS_IO, "keras-1.0-160");
    WEIGHTS("keras-1.0-160", ICECAP_STATUS_USAGE, "cache");
    options.cache = "no such folder";
    WEIGHTS("keras-1.0-160", ICECAP_STATUS_IO, "no such folder");
    options.cache = NULL;
    options.height = options.width = SIZE_MAX;
    WEIGHTS("starter", ICECAP_STATUS_USAGE, "");
    options.height = options.width = 1;
    WEIGHTS("starter", ICECAP_STATUS_USAGE, "");
    options.width = 0;
    WEIGHTS("starter", ICECAP_STATUS_USAGE, "width");
}

static void photos_that_are_none(const icecap_classifier *classifier) {
    icecap_prediction *made = NULL;
    icecap_error *error = NULL;
    icecap_photo wrong = {0};
    uint8_t pixels[12] = {0};
#define PHOTO(photo, wanted, part)                                                                 \
    CHECK(told(icecap_predict(classifier, photo, &made, &error), wanted, &error, part));          \
    CHECK(made == NULL)
    PHOTO(wrong, ICECAP_STATUS_USAGE, "icecap_photo_file");
    wrong.kind = 77;
    PHOTO(wrong, ICECAP_STATUS_USAGE, "icecap_photo_file");
    PHOTO(icecap_photo_file(NULL), ICECAP_STATUS_USAGE, "NULL");
    PHOTO(icecap_photo_file(""), ICECAP_STATUS_USAGE, "empty");
    PHOTO(icecap_photo_file("missing"), ICECAP_STATUS_IO, "missing");
    PHOTO(icecap_photo_file("/"), ICECAP_STATUS_BAD_INPUT, "");
    PHOTO(icecap_photo_bytes(NULL, 5), ICECAP_STATUS_USAGE, "NULL");
    PHOTO(icecap_photo_bytes(NULL, 0), ICECAP_STATUS_BAD_INPUT, "empty");
    PHOTO(icecap_photo_bytes(pixels, 12), ICECAP_STATUS_BAD_INPUT, "formats");
    PHOTO(icecap_photo_bytes(pixels, SIZE_MAX), ICECAP_STATUS_USAGE, "more than memory");
    PHOTO(icecap_photo_rgb(NULL, 2, 2, 6), ICECAP_STATUS_USAGE, "NULL");
    PHOTO(icecap_photo_rgb(pixels, 0, 2, 6), ICECAP_STATUS_USAGE, "0x2");
    PHOTO(icecap_photo_rgb(pixels, 2, 0, 6), ICECAP_STATUS_USAGE, "2x0");
    PHOTO(icecap_photo_rgb(pixels, 2, 2, 5), ICECAP_STATUS_USAGE, "stride of 5");
    PHOTO(icecap_photo_rgb(pixels, 2, 2, 0), ICECAP_STATUS_USAGE, "stride of 0");
    PHOTO(icecap_photo_rgb(pixels, 2, 2, SIZE_MAX), ICECAP_STATUS_USAGE, "memory");
    PHOTO(icecap_photo_rgb(pixels, 2, 3, SIZE_MAX / 2), ICECAP_STATUS_USAGE, "memory");
    /* Above the limits not a byte is looked at. */
    PHOTO(icecap_photo_rgb(pixels, 60000, 60000, 180000), ICECAP_STATUS_LIMIT, "limit");
    PHOTO(icecap_photo_rgb(pixels, 70000, 1, 210000), ICECAP_STATUS_LIMIT, "limit");
    PHOTO(icecap_photo_rgb(pixels, SIZE_MAX, SIZE_MAX, SIZE_MAX), ICECAP_STATUS_LIMIT, "limit");
    CHECK(icecap_predict(classifier, icecap_photo_file("missing"), &made, NULL) == ICECAP_STATUS_IO);
    CHECK(icecap_predict(classifier, icecap_photo_file("x"), NULL, &error) == ICECAP_STATUS_USAGE);
    icecap_error_free(error);
}

/* Pixels with gaps between their rows, in memory that ends with the last pixel, are those without. */
static void rows_may_have_gaps(const icecap_classifier *classifier) {
    enum { WIDTH = 41, HEIGHT = 37, ROW = 3 * WIDTH };
    uint8_t close[HEIGHT * ROW];
    for (size_t i = 0; i < sizeof close; i++) {
        close[i] = (uint8_t)(i * 7919 % 251);
    }
    icecap_prediction *expected = NULL;
    icecap_photo photo = icecap_photo_rgb(close, WIDTH, HEIGHT, ROW);
    CHECK(icecap_predict(classifier, photo, &expected, NULL) == ICECAP_STATUS_OK);
    const size_t strides[] = {ROW + 1, ROW + 5, 2 * ROW, 4096};
    for (size_t s = 0; s < sizeof strides / sizeof *strides; s++) {
        size_t stride = strides[s];
        uint8_t *apart = malloc((HEIGHT - 1) * stride + ROW);
        for (size_t y = 0; y < HEIGHT; y++) {
            memcpy(apart + y * stride, close + y * ROW, ROW);
        }
        icecap_prediction *got = NULL;
        photo = icecap_photo_rgb(apart, WIDTH, HEIGHT, stride);
        CHECK(icecap_predict(classifier, photo, &got, NULL) == ICECAP_STATUS_OK);
        size_t bytes = icecap_classifier_classes(classifier) * sizeof(float);
        CHECK(memcmp(icecap_prediction_probabilities(got), icecap_prediction_probabilities(expected), bytes) == 0);
        icecap_prediction_free(got);
        free(apart);
    }
    icecap_prediction_free(expected);
}

/* A photo that cannot be read has its error in its place, and the others have what they have alone. */
static void a_batch_has_each_outcome_in_its_place(const icecap_classifier *classifier, char **words) {
    size_t count = strtoul(words[4], NULL, 10);
    icecap_photo *photos = malloc(count * sizeof *photos);
    icecap_prediction *alone = NULL, **predictions = malloc(count * sizeof *predictions);
    icecap_error *error = NULL, **errors = malloc(count * sizeof *errors);
    CHECK(icecap_predict(classifier, icecap_photo_file(words[2]), &alone, &error) == ICECAP_STATUS_OK);
    CHECK(error == NULL);
    for (size_t i = 0; i < count; i++) {
        int kind = i == 1 || i == count - 1 ? 1 : i == 2 || i == count - 3 ? 2 : 0;
        photos[i] = icecap_photo_file(kind == 0 ? words[2] : kind == 1 ? words[3] : NULL);
    }
    icecap_batch batch = batch_of(photos, count);
    icecap_status status = icecap_predict_batch(classifier, &batch, predictions, errors);
    CHECK(status == ICECAP_STATUS_BAD_INPUT);
    for (size_t i = 0; i < count; i++) {
        CHECK((predictions[i] == NULL) == (errors[i] != NULL));
        if (i == 1 || i == count - 1) {
            CHECK(told(ICECAP_STATUS_BAD_INPUT, ICECAP_STATUS_BAD_INPUT, &errors[i], words[3]));
        } else if (i == 2 || i == count - 3) {
            CHECK(told(ICECAP_STATUS_USAGE, ICECAP_STATUS_USAGE, &errors[i], "NULL"));
        } else {
            CHECK(strcmp(icecap_prediction_json(predictions[i]), icecap_prediction_json(alone)) == 0);
            CHECK(icecap_prediction_class(predictions[i]) == icecap_prediction_class(alone));
        }
        icecap_prediction_free(predictions[i]);
        icecap_error_free(errors[i]);
    }
    icecap_prediction_free(alone);

    /* No places for answers, no classifier: each photo is told so; nobody who asks is told by the status. */
    batch.count = 3;
    CHECK(icecap_predict_batch(classifier, &batch, NULL, errors) == ICECAP_STATUS_USAGE);
    for (size_t i = 0; i < 3; i++) {
        CHECK(told(ICECAP_STATUS_USAGE, ICECAP_STATUS_USAGE, &errors[i], "predictions is NULL"));
    }
    CHECK(icecap_predict_batch(NULL, &batch, predictions, errors) == ICECAP_STATUS_USAGE);
    for (size_t i = 0; i < 3; i++) {
        CHECK(predictions[i] == NULL);
        CHECK(told(ICECAP_STATUS_USAGE, ICECAP_STATUS_USAGE, &errors[i], "classifier is NULL"));
    }
    CHECK(icecap_predict_batch(classifier, &batch, NULL, NULL) == ICECAP_STATUS_USAGE);
    /* No photos where some are counted: whatever stood in the places, they can be freed. */
    batch.photos = NULL;
    for (size_t i = 0; i < 3; i++) {
        predictions[i] = (icecap_prediction *)(uintptr_t)8;
        errors[i] = (icecap_error *)(uintptr_t)8;
    }
    CHECK(icecap_predict_batch(classifier, &batch, predictions, errors) == ICECAP_STATUS_USAGE);
    for (size_t i = 0; i < 3; i++) {
        CHECK(predictions[i] == NULL);
        CHECK(told(ICECAP_STATUS_USAGE, ICECAP_STATUS_USAGE, &errors[i], "photos"));
    }
    CHECK(icecap_predict_batch(classifier, NULL, predictions, errors) == ICECAP_STATUS_USAGE);
    batch = batch_of(photos, SIZE_MAX);
    CHECK(icecap_predict_batch(classifier, &batch, predictions, errors) == ICECAP_STATUS_USAGE);
    batch = batch_of((const icecap_photo *)(const void *)((const char *)photos + 1), 1);
    CHECK(told(icecap_predict_batch(classifier, &batch, predictions, errors), ICECAP_STATUS_USAGE, &errors[0], ""));
    free(errors);
    free(predictions);
    free(photos);
}

struct watched {
    size_t calls, last, stop_at;
};

static int watch(size_t done, size_t photos, void *context) {
    struct watched *watched = context;
    CHECK(done >= watched->last && done <= photos);
    watched->calls++;
    watched->last = done;
    return done >= watched->stop_at;
}

static void a_batch_tells_how_far_it_is_and_can_be_stopped(const icecap_classifier *classifier, const char *photo) {
    enum { COUNT = 6 };
    icecap_photo photos[COUNT];
    icecap_prediction *predictions[COUNT];
    icecap_error *errors[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        photos[i] = icecap_photo_file(photo);
    }
    struct watched watched = {0, 0, 100};
    icecap_batch batch = batch_of(photos, COUNT);
    batch.progress = watch;
    batch.context = &watched;
    CHECK(icecap_predict_batch(classifier, &batch, predictions, NULL) == ICECAP_STATUS_OK);
    CHECK(watched.calls == COUNT && watched.last == COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        icecap_prediction_free(predictions[i]);
    }
    watched = (struct watched){0, 0, 1};
    CHECK(icecap_predict_batch(classifier, &batch, predictions, errors) == ICECAP_STATUS_STOPPED);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK(predictions[i] == NULL);
        CHECK(told(ICECAP_STATUS_STOPPED, ICECAP_STATUS_STOPPED, &errors[i], "stopped"));
    }
}

static void features_need_room(const char *photo, const char *broken) {
    icecap_backbone *backbone = NULL;
    icecap_options options = {0};
    options.threads = 2;
    options.height = options.width = 64;
    CHECK(icecap_backbone_open("starter", &options, &backbone, NULL) == ICECAP_STATUS_OK);
    size_t len = icecap_backbone_features(backbone);
    float *rows = malloc(3 * len * sizeof *rows);
    icecap_photo photos[3] = {icecap_photo_file(photo), icecap_photo_file(broken), icecap_photo_file(photo)};
    icecap_error *errors[3];
    icecap_batch batch = batch_of(photos, 3);
    CHECK(icecap_features(backbone, &batch, rows, 3 * len, errors) == ICECAP_STATUS_BAD_INPUT);
    CHECK(errors[0] == NULL && errors[2] == NULL);
    CHECK(told(ICECAP_STATUS_BAD_INPUT, ICECAP_STATUS_BAD_INPUT, &errors[1], broken));
    CHECK(memcmp(rows, rows + 2 * len, len * sizeof *rows) == 0);
    for (size_t i = 0; i < len; i++) {
        CHECK(isfinite(rows[i]) && isnan(rows[len + i]));
    }
    CHECK(icecap_features(backbone, &batch, rows, 3 * len - 1, errors) == ICECAP_STATUS_USAGE);
    for (size_t i = 0; i < 3; i++) {
        CHECK(told(ICECAP_STATUS_USAGE, ICECAP_STATUS_USAGE, &errors[i], "room for"));
    }
    CHECK(icecap_features(backbone, &batch, NULL, 3 * len, NULL) == ICECAP_STATUS_USAGE);
    CHECK(icecap_features(backbone, &batch, (float *)(void *)((char *)rows + 1), 3 * len, NULL) == ICECAP_STATUS_USAGE);
    CHECK(icecap_features(NULL, &batch, rows, 3 * len, NULL) == ICECAP_STATUS_USAGE);
    free(rows);
    icecap_backbone_free(backbone);
}

/* Prints what a model and a backbone say of a photo, with all digits. */
static void print(const icecap_classifier *classifier, const char *path) {
    icecap_prediction *seen = NULL;
    icecap_backbone *backbone = NULL;
    icecap_photo photo = icecap_photo_file(path);
    CHECK(icecap_predict(classifier, photo, &seen, NULL) == ICECAP_STATUS_OK);
    CHECK(icecap_backbone_open("starter", NULL, &backbone, NULL) == ICECAP_STATUS_OK);
    printf("%s\n%zu %s\n", icecap_prediction_json(seen), icecap_prediction_class(seen), icecap_prediction_label(seen));
    for (size_t i = 0; i < icecap_classifier_classes(classifier); i++) {
        printf("%.9g ", icecap_prediction_probabilities(seen)[i]);
    }
    size_t len = icecap_backbone_features(backbone);
    float *row = malloc(len * sizeof *row);
    icecap_batch batch = batch_of(&photo, 1);
    CHECK(icecap_features(backbone, &batch, row, len, NULL) == ICECAP_STATUS_OK);
    for (size_t i = 0; i < len; i++) {
        printf("%.9g ", row[i]);
    }
    free(row);
    icecap_backbone_free(backbone);
    icecap_prediction_free(seen);
}

struct asking {
    const icecap_classifier *classifier;
    const char *photo;
    char *json;
};

static void *ask(void *given) {
    struct asking *asking = given;
    for (int round = 0; round < 2; round++) {
        icecap_prediction *seen = NULL;
        icecap_photo photo = icecap_photo_file(asking->photo);
        if (icecap_predict(asking->classifier, photo, &seen, NULL) == ICECAP_STATUS_OK) {
            const char *json = icecap_prediction_json(seen);
            free(asking->json);
            asking->json = malloc(strlen(json) + 1);
            strcpy(asking->json, json);
        }
        icecap_prediction_free(seen);
    }
    return NULL;
}

static void threads_share_a_handle(const icecap_classifier *classifier, const char *photo) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct asking asking[THREADS];
    for (int i = 0; i < THREADS; i++) {
        asking[i] = (struct asking){classifier, photo, NULL};
        CHECK(pthread_create(&threads[i], NULL, ask, &asking[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(asking[i].json != NULL && strcmp(asking[i].json, asking[0].json) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        free(asking[i].json);
    }
}

/* What only a debug build of the library catches. */
static void freed_handles_are_told(icecap_classifier *classifier, const char *photo) {
    icecap_prediction *seen = NULL;
    icecap_error *error = NULL, *other = NULL;
    CHECK(icecap_predict(classifier, icecap_photo_file(photo), &seen, NULL) == ICECAP_STATUS_OK);
    icecap_prediction_free(seen);
    icecap_prediction_free(seen);
    CHECK(icecap_prediction_label(seen) == NULL);
    icecap_classifier_free(classifier);
    icecap_classifier_free(classifier);
    CHECK(icecap_classifier_classes(classifier) == 0);
    icecap_status status = icecap_predict(classifier, icecap_photo_file(photo), &seen, &error);
    other = error;
    CHECK(told(status, ICECAP_STATUS_USAGE, &error, "freed"));
    CHECK(icecap_error_message(other) == NULL);
    /* A handle of another kind. */
    CHECK(icecap_classifier_features((icecap_classifier *)(void *)other) == 0);
}

/* The threads of a handle are not in a forked child, and what named them there names the child's own. */
static void a_child_frees_what_it_inherited(const char *model) {
    icecap_classifier *inherited = NULL, *own = NULL;
    icecap_options options = {0};
    options.threads = 4;
    CHECK(icecap_classifier_open(model, &options, &inherited, NULL) == ICECAP_STATUS_OK);
    pid_t child = fork();
    if (child == 0) {
        failures = 0;
        CHECK(icecap_classifier_open(model, &options, &own, NULL) == ICECAP_STATUS_OK);
        icecap_classifier_free(inherited);
        icecap_classifier_free(own);
        _exit(failures != 0);
    }
    int ended = -1;
    CHECK(child > 0 && waitpid(child, &ended, 0) == child && ended == 0);
    icecap_classifier_free(inherited);
}

int main(int argc, char **argv) {
    icecap_classifier *classifier = NULL;
    icecap_options options = {0};
    options.threads = 2;
    if (argc < 5 || icecap_classifier_open(argv[1], &options, &classifier, NULL) != ICECAP_STATUS_OK) {
        return ICECAP_STATUS_USAGE;
    }
    CHECK(icecap_classifier_classes(classifier) == 2);
    CHECK(icecap_classifier_class(classifier, 0) != NULL && icecap_classifier_class(classifier, 2) == NULL);
    CHECK(icecap_classifier_features(classifier) >= 1280);
    nothing_is_there();
    models_that_are_none(argv[1], argv[2]);
    backbones_that_are_none();
    photos_that_are_none(classifier);
    rows_may_have_gaps(classifier);
    a_batch_has_each_outcome_in_its_place(classifier, argv);
    a_batch_tells_how_far_it_is_and_can_be_stopped(classifier, argv[2]);
    features_need_room(argv[2], argv[3]);
    threads_share_a_handle(classifier, argv[2]);
    print(classifier, argv[2]);
    /* To valgrind, which looks at a small batch, what a child leaves behind is lost. */
    if (atoi(argv[4]) > 8) {
        a_child_frees_what_it_inherited(argv[1]);
    }
    if (argc > 5) {
        freed_handles_are_told(classifier, argv[2]);
    } else {
        icecap_classifier_free(classifier);
    }
    return failures == 0 ? 0 : 1;
}
